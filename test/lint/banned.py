#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Functions that have a better one here. base/banned.h poisons the worst; this knows where and why."""

import re

from lint import LIBRARIES, TOP, Checks, c_files, code, matches, name, tree

EVERYWHERE = {
    r"(?:strcpy|strcat|sprintf|vsprintf|strncpy|strncat|strtok|strtok_r|gets)": "base/str.h",
    r"(?:atoi|atol|atoll|atof|strtol|strtoul|strtoll|strtoull|strtod|sscanf)": "base/num.h",
    r"(?:gmtime|localtime|ctime|asctime)": "base/clock.h",
    r"(?:strerror|mktemp|tmpnam|tempnam)": "not safe in threads or against others",
    r"(?:rand|srand|random|srandom|drand48)": "base/rng.h",
    r"(?:system|popen|execlp|execvp)": "no shell and no search path",
    r"(?:alloca|setjmp|longjmp)": "no jumps over cleanups, no input-sized stack",
    r"signal": "sigaction",
    r"(?:thrd_create|mtx_lock|cnd_wait|call_once)": "pthreads: <threads.h> breaks the thread sanitizer",
    r"(?:pthread_mutex_clocklock|pthread_cond_clockwait)": "the thread sanitizer misreads them",
    r"(?:flockfile|funlockfile)": "a mutex",
}
# libcurl sends such a body again by itself when a kept connection dies: a write would happen twice.
RESENT = r"\bCURLOPT_(?:COPY)?POSTFIELDS\b"
PRINTS = (r"(?<![\w>.])(?:(?:printf|puts|putchar|perror)\s*\(|"
          r"(?:fprintf|fputs|fwrite|vfprintf)\s*\([^;]*\bstd(?:out|err)\b)")
ENDS = r"(?<![\w>.])(?:exit|_exit|quick_exit)\s*\("
# Where printing or ending is the purpose.
MAY_PRINT = {"src/base/failpoint.c", "src/base/err.c", "src/base/arena.c", "src/base/log.c"}


def main():
    checks = Checks()
    files = c_files()
    texts = {path: code(path) for path in files}

    broken = []
    for functions, instead in EVERYWHERE.items():
        for path, text in texts.items():
            if path.name == "banned.h":
                continue
            for line, match in matches(rf"(?<![\w>.]){functions}\s*\(", text):
                broken.append(f"{name(path)}:{line}: {match.group(0).rstrip('( ')}: {instead}")
    checks.rule("no banned function is called", broken, len(files))

    broken = [f"{name(path)}:{line}: {match.group(0)}: a write needs CURLOPT_READFUNCTION"
              for path, text in texts.items() for line, match in matches(RESENT, text)]
    checks.rule("no write can be sent again by libcurl", broken, len(files))

    libraries = {path: text for path, text in texts.items()
                 if path.relative_to(TOP / "src").parts[0] in LIBRARIES and name(path) not in MAY_PRINT}
    broken = [f"{name(path)}:{line}: prints" for path, text in libraries.items()
              for line, _ in matches(PRINTS, text)]
    broken += [f"{name(path)}:{line}: ends the process" for path, text in libraries.items()
               for line, _ in matches(ENDS, text)]
    checks.rule("library folders neither print nor end the process", broken, len(libraries))

    builds = [path for path in tree(".build", below="src")
              if re.search(r"static_library\(|executable\(", path.read_text(encoding="utf-8"))]
    broken = [f"{name(path)}: a target without banned_args" for path in builds
              for text in [path.read_text(encoding="utf-8")]
              if len(re.findall(r"(?:static_library|executable)\(", text)) > text.count("banned_args")]
    checks.rule("every target is compiled with base/banned.h", broken, len(builds))
    checks.finish()


main()
