/* SPDX-License-Identifier: MIT */
#include "sandbox/api.h"

#include "sandbox/jw.h"

void fail_body(struct buf *out, const char *type, const char *message)
{
    buf_clear(out);
    jw_obj(out, NULL);
    jw_str(out, "message", message);
    jw_str(out, "type", type);
    jw_end_obj(out);
}

void fail_not_found(struct request *request, const char *what)
{
    AUTO_BUF struct buf message = {0};
    buf_printf(&message, "%s not found", what);
    request->status = 404;
    fail_body(&request->out, "not_found", buf_z(&message));
}

void fail_field(struct request *request, const char *type, const char *field, const char *message)
{
    request->status = 400;
    buf_clear(&request->out);
    jw_obj(&request->out, NULL);
    jw_str(&request->out, "message", message);
    jw_str(&request->out, "type", type);
    jw_str(&request->out, "field_name", field);
    jw_end_obj(&request->out);
}

void fail_value(struct request *request, const char *field, const char *reason)
{
    request->status = 400;
    buf_clear(&request->out);
    jw_obj(&request->out, NULL);
    jw_str(&request->out, "message", "value not permitted");
    jw_str(&request->out, "type", "value_not_permitted");
    jw_str(&request->out, "field_name", field);
    jw_str(&request->out, "reason", reason);
    jw_end_obj(&request->out);
}

void fail_custom(struct request *request, const char *subtype, const char *field,
                 const char *reason)
{
    request->status = 400;
    buf_clear(&request->out);
    jw_obj(&request->out, NULL);
    jw_str(&request->out, "message", "custom field validation failed");
    jw_str(&request->out, "type", "customization_validation_error");
    jw_str(&request->out, "subtype", subtype);
    jw_str(&request->out, "field_name", field);
    jw_str(&request->out, "reason", reason);
    jw_end_obj(&request->out);
}

void fail_conflict(struct request *request, const char *message)
{
    request->status = 409;
    fail_body(&request->out, "conflict", message);
}

void fail_schema(struct buf *out, const struct schema_fault *fault)
{
    buf_clear(out);
    jw_obj(out, NULL);
    jw_str(out, "message", fault->message);
    jw_str(out, "type", fault->type);
    jw_str(out, "field_name", fault->field);
    jw_str(out, "expected", fault->expected);
    jw_str(out, "actual", fault->actual);
    if (fault->allowed[0] != '\0') {
        jw_raw(out, "allowed_values", fault->allowed);
        jw_str(out, "value", fault->value);
    }
    jw_end_obj(out);
}
