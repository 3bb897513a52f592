# SPDX-License-Identifier: MIT
# Mail server and Slack are reached and nothing is sent; who has not set them up is not asked about them.
chmod 700 .
found() {
    status=0
    steward doctor "$@" --quiet >found 2>/dev/null || status=$?
    sed -n '/other steward/,$p' found | sed 1d
    echo "exit $status"
}
found mail
found slack
(SMTP_HOST=smtp://127.0.0.1:1 && export SMTP_HOST && found mail)
(SLACK_WEBHOOK=http://127.0.0.1:1/services/secret && export SLACK_WEBHOOK && found slack)
(SLACK_WEBHOOK=nothing && export SLACK_WEBHOOK && found slack)
sandbox --contacts 8 --issues 0 --seed 5 --requests requests
webhook=$(sed -n 's/^DEVREV_BASE_URL=//p' .env)/services/secret
(SLACK_WEBHOOK=$webhook && export SLACK_WEBHOOK && found slack)
grep -c services requests || echo 'nothing was posted'
cat >server.py <<'SERVER'
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
peer, _ = server.accept()
talk = peer.makefile("rwb", buffering=0)
talk.write(b"220 mail.example.com\r\n")
for line in talk:
    print(line.decode().split()[0], flush=True)
    talk.write(b"250 mail.example.com\r\n")
SERVER
"$PYTHON" server.py >told &
until [ -s told ]; do sleep 0.05; done
(SMTP_HOST=smtp://127.0.0.1:$(cat told) && export SMTP_HOST && found mail)
wait $!
sed 1d told
