#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A remote in trouble: the breaker, the learned limit, and what an operator does to a live run.

pressure.py [SHARD/SHARDS]

Judged by the sandbox's requests file, by their times of arrival: what was asked while the breaker was
open, what was written before it was closed again, how much was refused, how fast it went.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime

from lab import KILLED, Lab, Problem, Tap, problems, shard

MERGE = "rev-users.merge"
IN_FLIGHT_MS = 700  # a call that was let go before may arrive that much later on a busy machine


def breaker_log(lab):
    """(state, milliseconds since 1970) of every change of the breaker's state."""
    for line in (lab.workspace / "logs" / "steward.log").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["message"] == "circuit breaker":
            at = datetime.fromisoformat(entry["@timestamp"].replace("Z", "+00:00"))
            yield entry["state"], at.timestamp() * 1000


def requests(lab):
    """Of DevRev: alerts go their own way."""
    return [line for line in lab.lines(lab.requests_file)
            if line["remote"] == "devrev" and not line["call"].startswith("/")]


def until_it_closes(lab, opened_ms):
    """What arrived after the breaker had opened, up to the third good read on end."""
    good = 0
    for request in sorted(requests(lab), key=lambda request: request["seq"]):
        if request["at_ms"] <= opened_ms + IN_FLIGHT_MS:
            continue
        if good == 3:
            return
        good = good + 1 if request["status"] == 200 and request["call"] != MERGE else 0
        yield request


def breaker_problems(lab, open_ms):
    """Nothing may arrive while it is open, and nothing but reads until three of them were good."""
    changes = list(breaker_log(lab))
    if not changes or changes[0][0] != "open":
        yield f"the breaker did not open: {changes}"
        return
    for state, opened in changes:
        early = [request for request in requests(lab)
                 if opened + IN_FLIGHT_MS < request["at_ms"] < opened + open_ms - 250]
        if state == "open" and early:
            yield f"{len(early)} calls arrived while the breaker was open"
    probes = list(until_it_closes(lab, changes[0][1]))
    writes = [request for request in probes if request["call"] == MERGE]
    if writes:
        yield f"{len(writes)} merges arrived before three reads were good"
    span = probes[-1]["at_ms"] - changes[0][1] if probes else 0
    if len(probes) > 3 * (span / open_ms + 1):
        yield f"{len(probes)} calls probed in {span:.0f} ms"


def outage_is_waited_out():
    """Sixteen calls fail: the breaker opens, reads find out when it is over, every change is done."""
    with Lab(faults=["*@60-75=status:503"], BREAKER_OPEN_SECONDS="2", RETRY_BACKOFF="0.2") as lab:
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(0,))
        yield from breaker_problems(lab, 2000)
        if [state for state, _ in breaker_log(lab)][-1] != "closed":
            yield "the breaker is not closed at the end"
        report = lab.json("report", "last")
        if report["calls"]["pressure"]["breaker_opened"] != 1:
            yield f"the report says {report['calls']['pressure']}"
        if "workers" not in (lab.workspace / "logs" / "steward.log").read_text(encoding="utf-8"):
            yield "the log does not tell that fewer workers were busy"
        yield from problems(lab, {"verified"})


def outage_that_lasts():
    """The run stops itself with 6, nothing fails for the remote's sake, and it is gone on with."""
    with Lab(faults=["*@60-100000=status:503"], BREAKER_OPEN_SECONDS="0.3", RETRY_BACKOFF="0.2",
             BREAKER_GIVE_UP_SECONDS="2") as lab:
        lab.plan()
        done = lab.steward("apply", "last", "--yes", codes=(6,))
        if "the circuit breaker of devrev has not closed for 2 s" not in done.err:
            yield f"stderr does not name the breaker: {done.err[-400:]}"
        shown = lab.json("show", "last")
        if shown["state"] != "paused":
            yield f"the run is {shown['state']}"
        if shown["counts"]["failed"] or shown["counts"]["skipped"] or shown["counts"]["unknown"]:
            yield f"changes ended for the outage: {shown['counts']}"
        yield from breaker_problems(lab, 300)
        lab.set_faults()
        lab.go_on((0,))
        yield from problems(lab, {"verified"})


def killed_while_open():
    """The breaker's time outlives a kill: the next process waits for its end."""
    with Lab(faults=["*@60-80=status:503"], BREAKER_OPEN_SECONDS="3", RETRY_BACKOFF="0.2") as lab:
        lab.plan()
        process = lab.spawn("apply", "last", "--yes")
        deadline = time.monotonic() + 30
        while not any(True for _ in breaker_log(lab)):
            if time.monotonic() > deadline:
                process.kill()
                raise Problem("the breaker did not open")
            time.sleep(0.02)
        process.kill()
        lab.collect(process, ["apply"], codes=(KILLED,))
        opened = next(at for state, at in breaker_log(lab) if state == "open")
        lab.set_faults()
        lab.go_on((0,))
        early = [request for request in requests(lab)
                 if opened + IN_FLIGHT_MS < request["at_ms"] < opened + 2950]
        if early:
            yield f"{len(early)} calls arrived while the breaker was open"
        yield from problems(lab, {"verified"})


def limit_is_learned():
    """A remote that allows half of what we were told says so, and is not asked for more."""
    lab = Lab(RATE_LIMIT_CALLS="80", RATE_LIMIT_PERIOD="2")
    lab.arguments += ["--limit", "40/2"]
    with lab:
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(0,))
        made = requests(lab)
        refused = [request for request in made if request["status"] == 429]
        if len(refused) > len(made) * 0.02 + 4:
            yield f"{len(refused)} of {len(made)} calls were refused"
        span = (made[-1]["at_ms"] - made[0]["at_ms"]) / 1000
        used = len(made) / (span / 2 * 40 + 40)
        print(f"# {len(made)} calls, {len(refused)} refused, {used:.0%} of what was allowed")
        yield from problems(lab, {"verified"})


# --- from another terminal


class Live:
    """A run that is being worked on, slowly enough to be spoken to."""

    def __init__(self, lab, verb="apply"):
        self.lab = lab
        self.process = lab.spawn(verb, "last", "--yes")
        deadline = time.monotonic() + 30
        while not (lab.workspace / "control.sock").exists() or not requests(lab):
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.process.kill()
                raise Problem(f"the run did not begin: {self.process.communicate()}")
            time.sleep(0.02)

    def end(self, codes):
        return self.lab.collect(self.process, ["apply"], codes)


def order(lab, *arguments, codes=(0,)):
    """What one of the orders printed; its document has the schema's members."""
    answer = json.loads(lab.steward(*arguments, "--json", codes=codes).out)
    if set(answer) != {"run", "state", "limit", "configured", "workers", "breaker"}:
        raise Problem(f"another document than the schema's: {answer}")
    return answer


def arrived(lab, begin_ms, call=None):
    return [request for request in requests(lab)
            if request["at_ms"] > begin_ms and call in (None, request["call"])]


def busy(lab, begin_ms, end_ms):
    """The most good calls that were under way together: each takes 60 ms at the sandbox."""
    times = [request["at_ms"] for request in requests(lab)
             if begin_ms < request["at_ms"] < end_ms and request["status"] == 200]
    return max((sum(1 for other in times if at <= other < at + 50) for at in times), default=0)


def fewer_workers_under_pressure():
    """Every third call fails: fewer are busy, and all of them again when it is over."""
    lab = Lab(contacts=96, WORKERS="8", BREAKER_OPEN_SECONDS="0.2", RETRY_BUDGET="100")
    lab.arguments += ["--latency", "60"]
    with lab:
        lab.plan()
        live = Live(lab)
        begun = time.time() * 1000
        time.sleep(1.5)
        lab.set_faults("*@p0.3=status:500")
        troubled = time.time() * 1000
        time.sleep(4)
        lab.set_faults()
        over = time.time() * 1000
        live.end((0, 3))
        well = busy(lab, begun, troubled)
        worse = busy(lab, troubled + 1000, over)
        after = busy(lab, over + 2000, over + 60000)
        print(f"# busy together: {well}, in trouble {worse}, afterwards {after}")
        if well < 6 or after < 6:
            yield f"{well} calls together before, {after} afterwards: not all workers were busy"
        if worse > 4:
            yield f"{worse} calls together in trouble"
        yield from problems(lab, {"verified", "failed"})


def paused_and_continued():
    """While it is paused nothing is written and nothing new begun; show says so; then all is done."""
    lab = Lab(contacts=48, merge_delay=100)
    lab.arguments += ["--latency", "20"]
    with lab:
        lab.plan()
        live = Live(lab)
        if order(lab, "pause", "last")["state"] != "paused":
            yield "the answer does not say paused"
        paused_ms = time.time() * 1000
        if lab.json("show", "last")["state"] != "paused":
            yield "show does not say paused"
        if order(lab, "pause", "last")["state"] != "paused":  # once more is no matter
            yield "a second pause does not say paused"
        time.sleep(3)
        if arrived(lab, paused_ms + IN_FLIGHT_MS, MERGE):
            yield "merges arrived while it was paused"
        late = arrived(lab, paused_ms + 2000)
        if late:
            yield f"{len(late)} calls arrived long after the pause: {late[0]['call']}"
        if live.process.poll() is not None:
            yield "the process has ended"
        open_changes = lab.json("show", "last")["counts"]
        if not open_changes["planned"] + open_changes["backed_up"]:
            raise Problem("there was nothing left to pause")
        if order(lab, "continue", "last")["state"] != "applying":
            yield "the answer does not say applying"
        live.end((0,))
        yield from problems(lab, {"verified"})


def killed_while_paused():
    """The pause ends with its process; resume goes on, and nothing happens twice."""
    lab = Lab(contacts=48)
    lab.arguments += ["--latency", "20"]
    with lab:
        lab.plan()
        live = Live(lab)
        order(lab, "pause", "last")
        time.sleep(0.5)
        live.process.kill()
        live.end((KILLED,))
        if lab.json("show", "last")["state"] != "paused":
            yield "the journal does not say paused"
        done = lab.steward("continue", "last", codes=(4,))
        if "no steward is working on it" not in done.err or "`steward resume 1`" not in done.err:
            yield f"the refusal does not help: {done.err}"
        lab.go_on((0,))
        yield from problems(lab, {"verified"})


def interrupted_while_paused():
    """Ctrl-C ends a paused run at once, as any other."""
    lab = Lab(contacts=48)
    lab.arguments += ["--latency", "20"]
    with lab:
        lab.plan()
        live = Live(lab)
        order(lab, "pause", "last")
        time.sleep(1.5)
        begun = time.monotonic()
        live.process.send_signal(signal.SIGINT)
        live.end((130,))
        if time.monotonic() - begun > 3:
            yield "it took longer than three seconds"
        if lab.json("show", "last")["state"] != "interrupted":
            yield f"the run is {lab.json('show', 'last')['state']}"
        lab.go_on((0,))
        yield from problems(lab, {"verified"})


def slowed_down():
    """The new pace holds within a second, for all workers together, and back again."""
    lab = Lab(contacts=48, RATE_LIMIT_CALLS="100", RATE_LIMIT_PERIOD="1")
    lab.arguments += ["--latency", "20"]
    with lab:
        lab.plan()
        live = Live(lab)
        answer = order(lab, "slow", "last", "5/1")
        slowed_ms = time.time() * 1000
        if answer["limit"] != {"calls": 5, "period_ms": 1000}:
            yield f"the answer says {answer['limit']}"
        if answer["configured"] != {"calls": 100, "period_ms": 1000}:
            yield f"the answer says {answer['configured']} is configured"
        time.sleep(4)
        until_ms = time.time() * 1000
        times = [request["at_ms"] for request in arrived(lab, slowed_ms + 1000)
                 if request["at_ms"] < until_ms]
        most = max(sum(1 for other in times if at <= other < at + 1000) for at in times)
        if most > 5:
            yield f"{most} calls in a second"
        if len(times) < 10:
            yield f"only {len(times)} calls in three seconds"
        refused = lab.steward("slow", "last", "200/1", codes=(4,))
        if "more than the 100 calls in 1 s that are configured" not in refused.err:
            yield f"the refusal says {refused.err}"
        for burst in ("60/0.5", "101/60"):  # below the rate, and yet more than 100 in some second
            lab.steward("slow", "last", burst, codes=(4,))
        for bad in ("5", "0/1", "5/0", "x/1", "5/1/2"):
            lab.steward("slow", "last", bad, codes=(2,))
        if order(lab, "slow", "last", "200/1", "--above")["limit"]["calls"] != 200:
            yield "--above does not hold"
        order(lab, "slow", "last", "100/1")
        live.end((0,))
        yield from problems(lab, {"verified"})


def nobody_to_control():
    """A run that is not being worked on: 4, and what to do; one that does not exist: 1."""
    with Lab() as lab:
        lab.plan()
        for verb in (("pause",), ("continue",), ("slow",)):
            pace = ("10/60",) if verb == ("slow",) else ()
            done = lab.steward(*verb, "1", *pace, codes=(4,))
            expected = (f"steward: could not {verb[0]} run 1: no steward is working on it\n"
                        "hint: It has not begun: `steward apply 1`.\n")
            if done.err != expected:
                yield f"stderr is {done.err}"
            lab.steward(*verb, "9", *pace, codes=(1,))
        lab.steward("apply", "last", "--yes", codes=(0,))
        done = lab.steward("pause", "last", codes=(4,))
        if "hint: It is done." not in done.err:
            yield f"stderr is {done.err}"
        if (lab.workspace / "control.sock").exists():
            yield "the socket is still there"
        yield from problems(lab, {"verified"})


def stranger_pauses(lab):
    """Another user who can reach the socket, because somebody has opened every door to it."""
    for place in [lab.workspace, *lab.workspace.parents]:
        if place == lab.top.parent:
            break
        place.chmod(0o711)
    (lab.workspace / "control.sock").chmod(0o666)
    asks = ("import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect('control.sock'); "
            "s.sendall(b'{\"run\":2,\"do\":\"pause\"}\\n'); sys.stdout.buffer.write(s.recv(999))")
    asked = subprocess.run(["python3", "-c", asks], cwd=lab.workspace, user=65534, group=65534,
                           extra_groups=(), capture_output=True, check=False)
    log = (lab.workspace / "logs" / "steward.log").read_text(encoding="utf-8")
    return asked.stdout or "control by another user refused" not in log


def strangers():
    """Nonsense on the socket, a workspace with a very long path, another run's number."""
    lab = Lab(contacts=48)
    lab.arguments += ["--latency", "20"]
    lab.workspace = lab.top / ("deep" * 40) / ("deeper" * 20)
    lab.workspace.mkdir(mode=0o700, parents=True)
    with lab:
        lab.plan()
        lab.plan()
        live = Live(lab)
        mode = (lab.workspace / "control.sock").stat().st_mode & 0o777
        if mode != 0o600:
            yield f"the socket's mode is {mode:o}"
        here = os.open(lab.workspace, os.O_RDONLY)
        for text in (b"", b"\n", b"{}\n", b"{\"run\":2,\"do\":\"stop\"}\n", b"x" * 10000, b"[\n"):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(f"/proc/self/fd/{here}/control.sock")
                try:
                    client.sendall(text)
                    client.shutdown(socket.SHUT_WR)
                    answer = client.recv(4096)
                except OSError:
                    answer = b""
            if answer and b"\"error\"" not in answer:
                yield f"{text[:20]} was answered {answer}"
        os.close(here)
        if os.geteuid() == 0 and stranger_pauses(lab):
            yield "another user was answered"
        done = lab.steward("pause", "1", codes=(4,))
        if "could not pause run 1: run 2 is what is being worked on" not in done.err:
            yield f"stderr is {done.err}"
        live.end((0,))
        yield from problems(lab, {"verified"})


def main():
    cases = [
        ("an outage is waited out", outage_is_waited_out),
        ("an outage that lasts stops the run", outage_that_lasts),
        ("killed while the breaker was open", killed_while_open),
        ("the limit is learned", limit_is_learned),
        ("fewer workers under pressure", fewer_workers_under_pressure),
        ("paused and continued", paused_and_continued),
        ("killed while paused", killed_while_paused),
        ("interrupted while paused", interrupted_while_paused),
        ("slowed down", slowed_down),
        ("nobody to control", nobody_to_control),
        ("strangers", strangers),
    ]
    tap = Tap()
    tap.run(shard(cases, sys.argv[1] if len(sys.argv) > 1 else "1/1"))
    tap.finish()


if __name__ == "__main__":
    main()
