/* SPDX-License-Identifier: MIT */
/*
 * The request schemas of DevRev's beta API of January 2026 (a superset of the public one), one line
 * an endpoint; the published names are kept. sandbox/schema.h explains the notation. The test
 * test/integration/sandbox/test_openapi.py holds them against the published document.
 */
#include "sandbox/devrev_schema.h"

const struct schema_name DEVREV_TYPES[] = {
    {"date-time-filter", "{after:time before:time}"},
    {"list-mode", "=after|before"},
    {"rev-users-update-request-artifacts", "{set:id[]}"},
    {"rev-users-update-request-custom-schema-fragments", "{set:id[]}"},
    {"custom-schema-spec",
     "{apps:text[] drop:$custom-schema-spec-drop subtype:text tenant_fragment:bool "
     "validate_required_fields:bool}"},
    {"custom-schema-spec-drop", "{apps:text[] subtype:bool}"},
    {"set-tag-with-value", "{id*:id value:text}"},
    {"work-type", "=issue|opportunity|task|ticket"},
    {"date-filter", "{type*:$date-filter-type after:time before:time "
                    "preset_type*preset:$date-time-preset-type days*preset:uint32}"},
    {"date-filter-type", "=preset|range"},
    {"date-time-preset-type", "=last_n_days|next_n_days"},
    {"works-filter-issue", "{accounts:id[] actual_start_date:$date-filter group:id[] "
                           "priority:$issue-priority[] priority_v2:int64[] rev_orgs:id[] "
                           "sla_summary:$sla-summary-filter sprint:id[] subtype:text[] "
                           "target_start_date:$date-filter}"},
    {"issue-priority", "=p0|p1|p2|p3"},
    {"sla-summary-filter", "{stage:$sla-summary-stage[] target_time:$date-filter}"},
    {"sla-summary-stage", "=breached|completed|paused|running|warning"},
    {"works-filter-opportunity",
     "{account:id[] contacts:id[] forecast_category_v2:int64[] subtype:text[]}"},
    {"stage-filter", "{name:text[] stages:id[]}"},
    {"staged-info-filter", "{is_staged:bool}"},
    {"sync-metadata-filter",
     "{external_reference:text[] last_sync_in:$sync-metadata-filter-sync-in-filter "
     "last_sync_out:$sync-metadata-filter-sync-out-filter origin_system:text[]}"},
    {"sync-metadata-filter-sync-in-filter",
     "{status:$sync-metadata-filter-sync-in-filter-status[] sync_date:$date-filter "
     "sync_history:id[] sync_unit:id[]}"},
    {"sync-metadata-filter-sync-in-filter-status", "=failed|modified|staged|succeeded"},
    {"sync-metadata-filter-sync-out-filter",
     "{status:$sync-metadata-filter-sync-out-filter-status[] sync_date:$date-filter "
     "sync_history:id[] sync_unit:id[]}"},
    {"sync-metadata-filter-sync-out-filter-status", "=failed|modified|succeeded"},
    {"works-filter-ticket",
     "{account:id[] brand:id[] channels:$ticket-channels[] channels_v2:id[] group:id[] "
     "is_frozen:bool is_spam:bool needs_response:bool rev_org:id[] "
     "severity:$ticket-severity[] sla_summary:$sla-summary-filter "
     "source_channel:text[] source_channel_v2:id[] subtype:text[] "
     "surveys:$survey-aggregation-filter visibility:int64[]}"},
    {"ticket-channels", "=email|plug|slack|twilio|twilio_sms"},
    {"ticket-severity", "=blocker|high|low|medium"},
    {"survey-aggregation-filter", "{!}"},
    {"works-update-request-artifacts", "{add:id[]<50> remove:id[]<50> set:id[]<50>}"},
    {"works-update-request-owned-by", "{set:id[]}"},
    {"works-update-request-reported-by", "{set:id[]}"},
    {"stage-update", "{name:text stage:id}"},
    {"stage-validation-option-for-update", "=allow_invalid_transition"},
    {"works-update-request-staged-info-update",
     "{sync_in_unresolved_fields:$works-update-request-staged-info-update-unresolved-field[] "
     "sync_out_unresolved_fields:$works-update-request-staged-info-update-unresolved-field[] "
     "unresolved_fields:text[]}"},
    {"works-update-request-staged-info-update-unresolved-field",
     "{devrev_field_name:text external_display_name:text external_field_name:text}"},
    {"works-update-request-tags", "{add:$add-tag-with-value[] remove:$remove-tag-with-value[] "
                                  "set:$set-tag-with-value[]}"},
    {"add-tag-with-value", "{id*:id value:text}"},
    {"remove-tag-with-value", "{id*:id}"},
    {"works-update-request-issue-developed-with", "{set:id[]<8>}"},
    {"set-money", "{amount*:text currency*:text}"},
    {"works-update-request-opportunity-contacts", "{set*:id[]}"},
    {"task-priority", "=p0|p1|p2|p3"},
    {"works-update-request-ticket-channels", "{set:$ticket-channels[]}"},
    {"tag-with-value-filter", "{id:id value:text}"},
    {"conversations-update-request-applies-to-parts", "{set:id[]}"},
    {"conversations-update-request-channels", "{set:id[]}"},
    {"conversations-update-request-members", "{set:id[]}"},
    {"conversations-update-request-metadata", "{url_context:text}"},
    {"conversations-update-request-owned-by", "{set:id[]}"},
    {"conversations-update-request-tags",
     "{add:$add-tag-with-value[] remove:$remove-tag-with-value[] "
     "set:$set-tag-with-value[]}"},
    {"timeline-entries-collection", "=discussions|events"},
    {"timeline-entry-panel", "=alerts|broadcasts|customer_chat|discussions|events"},
    {"timeline-entry-visibility", "=external|internal|private|public"},
    {"links-direction", "=is_source|is_target"},
    {"link-type",
     "=custom_link|developed_with|imports|is_analyzed_by|is_converted_to|is_dependent_on|is_"
     "duplicate_of|is_follow_up_of|is_merged_into|is_parent_of|is_part_of|is_related_to|serves"},
    {"link-endpoint-type", "=account|article|capability|code_change|conversation|custom_object|dev_"
                           "user|enhancement|feature|incident|issue|linkable|meeting|opportunity|"
                           "product|rev_org|rev_user|runnable|task|ticket|widget"},
    {"group-type", "=dynamic|static"},
    {"group-ingestion-source", "=airdrop|scim"},
    {"group-member-type", "=dev_user|rev_user"},
    {"job-category",
     "=bulk_upgrade|convert_conversation_ticket|export_account|export_article|export_audit_log|"
     "export_conversation|export_devuser|export_incident|export_part|export_revuser|export_work|"
     "merge_account|merge_devuser|merge_revorg|merge_revuser|merge_ticket|move_revorg|move_revuser|"
     "oasis_data_export|oasis_job"},
    {"job-state", "=completed|failed|in_progress|queued|started"},
    {"dev-user-external-identity-filter", "{id:text issuer:text}"},
    {"user-state", "=active|deactivated|deleted|locked|shadow|unassigned"},
    {"custom-schema-fragments-list-request-prune", "=fields"},
    {"custom-schema-fragment-type", "=app_fragment|custom_type_fragment|tenant_fragment"},
    {"custom-schema-spec-for-read", "{apps:text[] subtype:text}"},
    {"meeting-channel", "=amazon_connect|google_meet|offline|other|teams|zoom"},
    {"meeting-direction", "=incoming|internal|outgoing"},
    {"meetings-filter-link-summary-filter", "{link_type:text target:id target_object_type:text}"},
    {"meeting-state", "=canceled|completed|no_show|ongoing|rejected|rescheduled|scheduled|waiting"},
    {"engagement-type", "=call|conversation|custom|default|email|linked_in|meeting|offline|survey"},
};
const size_t DEVREV_TYPES_LEN = ARRAY_LEN(DEVREV_TYPES);

const struct schema_name DEVREV_REQUESTS[] = {
    {"rev-users.get", "id*:id"},
    {"rev-users.list",
     "associations:id[] created_by:id[] created_date:$date-time-filter cursor:text "
     "custom_fields:object email:text[] external_ref:text[] external_refs:text[] "
     "is_verified:bool limit:int32 mode:$list-mode modified_date:$date-time-filter "
     "phone_numbers:text[] rev_org:id[] sort_by:sort[] tags:text[]"},
    {"rev-users.scan",
     "associations:id[] created_by:id[] created_date:$date-time-filter cursor:text "
     "custom_fields:object email:text[] external_ref:text[] external_refs:text[] "
     "is_verified:bool modified_date:$date-time-filter phone_numbers:text[] "
     "rev_org:id[] tags:text[]"},
    {"rev-users.update",
     "artifacts:$rev-users-update-request-artifacts custom_fields:object "
     "custom_schema_fragments:$rev-users-update-request-custom-schema-fragments "
     "custom_schema_spec:$custom-schema-spec description:text display_name:text "
     "display_picture:id? email:text external_ref:text external_refs:text[] id*:id "
     "phone_numbers:text[] tags:$set-tag-with-value[]"},
    {"rev-users.merge", "primary_user*:id secondary_user*:id"},
    {"rev-users.create",
     "account:id artifacts:id[] custom_fields:object custom_schema_fragments:id[] "
     "custom_schema_spec:$custom-schema-spec description:text display_name:text "
     "display_picture:id email:text external_ref:text external_refs:text[] "
     "phone_numbers:text[] rev_org:id tags:$set-tag-with-value[]"},
    {"rev-users.delete", "id*:id"},
    {"rev-users.associations.list", "cursor:text limit:int32 mode:$list-mode rev_user_id*:id"},
    {"works.get", "id*:id"},
    {"works.list",
     "type:$work-type[] actual_close_date:$date-filter applies_to_part:id[] "
     "created_by:id[] created_date:$date-filter cursor:text custom_fields:object "
     "external_ref:text[] issue:$works-filter-issue limit:int32 mode:$list-mode "
     "modified_by:id[] modified_date:$date-filter "
     "opportunity:$works-filter-opportunity owned_by:id[] reported_by:id[] "
     "sort_by:sort[] stage:$stage-filter staged_info:$staged-info-filter state:text[] "
     "sync_metadata:$sync-metadata-filter tags:id[] target_close_date:$date-filter "
     "ticket:$works-filter-ticket vista:id"},
    {"works.count",
     "type:$work-type[] actual_close_date:$date-filter applies_to_part:id[] "
     "created_by:id[] created_date:$date-filter custom_fields:object "
     "external_ref:text[] issue:$works-filter-issue modified_by:id[] "
     "modified_date:$date-filter opportunity:$works-filter-opportunity owned_by:id[] "
     "reported_by:id[] stage:$stage-filter staged_info:$staged-info-filter "
     "state:text[] sync_metadata:$sync-metadata-filter tags:id[] "
     "target_close_date:$date-filter ticket:$works-filter-ticket vista:id"},
    {"works.export",
     "type:$work-type[] actual_close_date:$date-filter applies_to_part:id[] "
     "created_by:id[] created_date:$date-filter custom_fields:object "
     "external_ref:text[] first:int32 issue:$works-filter-issue modified_by:id[] "
     "modified_date:$date-filter opportunity:$works-filter-opportunity owned_by:id[] "
     "reported_by:id[] sort_by:sort[] stage:$stage-filter "
     "staged_info:$staged-info-filter state:text[] sync_metadata:$sync-metadata-filter "
     "tags:id[] target_close_date:$date-filter ticket:$works-filter-ticket vista:id"},
    {"works.update",
     "type:$work-type applies_to_part:id artifacts:$works-update-request-artifacts "
     "body:text<0,65536> custom_fields:object custom_schema_fragments:id[] "
     "custom_schema_spec:$custom-schema-spec id*:id "
     "owned_by:$works-update-request-owned-by "
     "reported_by:$works-update-request-reported-by stage:$stage-update "
     "stage_validation_options:$stage-validation-option-for-update[] "
     "staged_info:$works-update-request-staged-info-update "
     "tags:$works-update-request-tags target_close_date:time? title:text<1,256> "
     "developed_with:$works-update-request-issue-developed-with "
     "priority:$issue-priority priority_v2:int64 sprint:id? target_start_date:time? "
     "account:id? amount:num? annual_contract_value:$set-money "
     "contacts:$works-update-request-opportunity-contacts customer_budget:num? "
     "forecast_category_v2:int64 probability:num? value:$set-money embedded:bool "
     "start_date:time channels:$works-update-request-ticket-channels channels_v2:id[] "
     "group:id? is_archived:bool is_frozen:bool is_spam:bool needs_response:bool "
     "rev_org:id? sentiment:int64 sentiment_modified_date:time sentiment_summary:text "
     "severity:$ticket-severity source_channel_v2:id? visibility:int64"},
    {"conversations.get", "id*:id"},
    {"conversations.list",
     "account:id[] actual_close_date:$date-filter applies_to_parts:id[] brand:id[] "
     "channels:id[] cursor:text custom_fields:object group:id[] "
     "is_creator_verified:bool is_frozen:bool is_spam:bool limit:int32 members:id[] "
     "mode:$list-mode modified_date:$date-time-filter owned_by:id[] "
     "owned_by_agent:id[] rev_org:id[] rev_orgs:id[] sla_summary:$sla-summary-filter "
     "source_channel:text[] source_channel_v2:id[] source_channels:text[] "
     "stage:$stage-filter state:text[] subtype:text[] tags:id[] "
     "tags_v2:$tag-with-value-filter[]"},
    {"conversations.update",
     "account:id? applies_to_parts:$conversations-update-request-applies-to-parts "
     "brand:id channels:$conversations-update-request-channels custom_fields:object "
     "custom_schema_spec:$custom-schema-spec description:text group:id id*:id "
     "is_frozen:bool is_spam:bool members:$conversations-update-request-members "
     "metadata:$conversations-update-request-metadata "
     "owned_by:$conversations-update-request-owned-by owned_by_agent:id? "
     "sentiment:int64 sentiment_modified_date:time sentiment_summary:text "
     "source_channel_v2:id stage:$stage-update status:text "
     "tags:$conversations-update-request-tags title:text"},
    {"timeline-entries.list",
     "collections:$timeline-entries-collection[] created_date:$date-time-filter "
     "cursor:text labels:text[] limit:int32 mode:$list-mode object*:id "
     "panels:$timeline-entry-panel[] visibility:$timeline-entry-visibility[]"},
    {"timeline-entries.get", "external_ref:text<1,512> id*:id"},
    {"links.list",
     "cursor:text direction:$links-direction limit:int32 link_type:$link-type[] "
     "mode:$list-mode object*:id object_types:$link-endpoint-type[] types:$link-type[]"},
    {"artifacts.list", "parent_id:id"},
    {"artifacts.get", "id*:id version:text"},
    {"artifacts.locate", "id*:id version:text"},
    {"groups.get", "id*:id"},
    {"groups.list", "created_by:id[] cursor:text group_type:$group-type[] "
                    "ingestion_source:$group-ingestion-source[] is_default:bool limit:int32 "
                    "member_type:$group-member-type[] mode:$list-mode name:text[] sort_by:sort[] "
                    "space:id[] sync_metadata:$sync-metadata-filter"},
    {"groups.members.list", "cursor:text group*:id limit:int32 mode:$list-mode"},
    {"jobs.get", "id*:id"},
    {"jobs.list",
     "category:$job-category[] created_by:id[] cursor:text limit:int32 mode:$list-mode "
     "owned_by_id:id[] parent_ids:id[] sort_by:sort[] state:$job-state[]"},
    {"dev-users.self", "!"},
    {"dev-users.list",
     "created_date:$date-filter cursor:text custom_fields:object email:text[] "
     "external_identity:$dev-user-external-identity-filter[] limit:int32 "
     "mode:$list-mode modified_date:$date-filter phone_numbers:text[] sort_by:sort[] "
     "state:$user-state[] timezone:text[]"},
    {"auth-tokens.info", "!"},
    {"dev-orgs.get", "!"},
    {"accounts.get", "id*:id"},
    {"accounts.list",
     "created_by:id[] created_date:$date-time-filter cursor:text custom_fields:object "
     "display_name:text[] domains:text[] external_refs:text[] limit:int32 "
     "mode:$list-mode modified_date:$date-time-filter owned_by:id[] sort_by:sort[] "
     "stage:id[] subtype:text[] tags:text[] tier:text[] websites:text[]"},
    {"rev-orgs.get", "account:id id:id"},
    {"tags.list", "cursor:text limit:int32 mode:$list-mode name:text[] sort_by:sort[]"},
    {"ping", "devrev_partition:text"},
    {"schemas.custom.list",
     "app:text[] cursor:text deprecated:bool include_sync_metadata:bool "
     "is_custom_leaf_type:bool is_deprecated:bool leaf_type:text[] limit:int32 "
     "mode:$list-mode prune:$custom-schema-fragments-list-request-prune[] "
     "sort_by:sort[] subtype:text[] types:$custom-schema-fragment-type[]"},
    {"schemas.aggregated.get",
     "custom_schema_fragments:id[] custom_schema_spec:$custom-schema-spec-for-read "
     "is_custom_leaf_type:bool leaf_type:text stock_schema_fragment:id"},
    {"meetings.list",
     "channel:$meeting-channel[] created_by:id[] created_date:$date-filter cursor:text "
     "custom_fields:object direction:$meeting-direction[] ended_date:$date-filter "
     "external_ref:text[] limit:int32 links:$meetings-filter-link-summary-filter[] "
     "members:id[] mode:$list-mode modified_date:$date-filter organizer:id[] "
     "parent:id[] scheduled_date:$date-filter sort_by:sort[] state:$meeting-state[] "
     "subtype:text[] sync_metadata:$sync-metadata-filter tags:text[]"},
    {"engagements.list",
     "type:$engagement-type[] cursor:text external_ref:text[] limit:int32 members:id[] "
     "mode:$list-mode parent:id[] sort_by:sort[]"},
    {"surveys.responses.list",
     "created_by:id[] created_date:$date-filter cursor:text dispatch_ids:id[] "
     "limit:int32 mode:$list-mode modified_date:$date-filter objects:id[] "
     "recipient:id[] sort_by:sort[] stages:int64[] surveys:id[]"},
    {"rev-users.personal-data", "email*:text"},
    {"rev-users.delete-personal-data", "email*:text"},
};
const size_t DEVREV_REQUESTS_LEN = ARRAY_LEN(DEVREV_REQUESTS);
