#!/usr/bin/env python3
"""The library as others see it.

  header         amanuensis.h compiles alone as C11, C17, C++11 and C++17 without a warning
  symbols        the shared library exports exactly symbols.txt
  readme         the example in README.md compiles without a warning
  struct_sizes   the public structs have the sizes and last fields of struct_sizes.txt (LP64)
  install        an installed tree serves a program through find_package and pkg-config, shared and static, also after
                 it was moved

A difference in the two text files is a change of the interface: it is made there by hand, on purpose.

SPDX-License-Identifier: MIT"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HEADER = os.path.join(ROOT, "include", "amanuensis.h")
ENUMS = ["am_status", "am_log_level", "am_task"]
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow"]


def run(argv, **kwargs):
    """stdout of a command that must succeed."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **kwargs)
    if done.returncode:
        sys.exit("%s\n%s\nexit code %d" % (" ".join(argv), done.stdout, done.returncode))
    return done.stdout


def frozen(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return [line for line in f.read().splitlines() if line and not line.startswith("#")]


def compare(what, expected, found):
    gone = ["- " + line for line in expected if line not in found]
    new = ["+ " + line for line in found if line not in expected]
    if gone or new:
        sys.exit("%s differ from the frozen ones:\n%s" % (what, "\n".join(gone + new)))
    print("%d %s" % (len(found), what))


def check_header(args, tmp):
    for standard, compiler, suffix in [("c11", args.cc, "c"), ("c17", args.cc, "c"), ("c++11", args.cxx, "cpp"),
                                       ("c++17", args.cxx, "cpp")]:
        source = os.path.join(tmp, "alone." + suffix)
        with open(source, "w", encoding="utf-8") as f:
            f.write('#include "amanuensis.h"\n#include "amanuensis.h"\nint main(void) { return AM_OK; }\n')
        run([compiler, "-std=" + standard, *WARNINGS, "-I", os.path.dirname(HEADER), "-c", source, "-o",
             os.path.join(tmp, "alone.o")])
        print("compiles as", standard)


def check_readme(args, tmp):
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        examples = re.findall(r"^```c\n(.*?)^```", f.read(), re.M | re.S)
    if not examples:
        sys.exit("README.md shows no example in C")
    for example in examples:
        source = os.path.join(tmp, "example.c")
        with open(source, "w", encoding="utf-8") as f:
            f.write(example)
        run([args.cc, "-std=c11", *WARNINGS, "-I", os.path.dirname(HEADER), "-c", source, "-o", source + ".o"])
    print("%d example compiles" % len(examples))


def check_symbols(args, tmp):
    library = os.path.join(args.build, "src", "libamanuensis.so")
    lines = run(["nm", "-D", "--defined-only", library]).splitlines()
    compare("exported symbols", frozen("symbols.txt"), sorted(line.split()[-1] for line in lines))


def check_struct_sizes(args, tmp):
    expected = frozen("struct_sizes.txt")
    with open(HEADER, encoding="utf-8") as f:
        declared = re.findall(r"^\} (am_\w+);$", f.read(), re.M)
    structs = [line.split() for line in expected]
    missing = [name for name in declared if name not in [s[0] for s in structs] and name not in ENUMS]
    if missing:
        sys.exit("not in struct_sizes.txt: %s" % " ".join(missing))
    source = os.path.join(tmp, "sizes.c")
    with open(source, "w", encoding="utf-8") as f:
        f.write('#include <stdio.h>\n#include "amanuensis.h"\nint main(void) {\n')
        for name, _, field, _ in structs:
            f.write('    printf("%s %%zu %s %%zu\\n", sizeof(%s), offsetof(%s, %s));\n' % (name, field, name, name, field))
        f.write("}\n")
    program = os.path.join(tmp, "sizes")
    run([args.cc, "-std=c11", *WARNINGS, "-I", os.path.dirname(HEADER), source, "-o", program])
    compare("struct sizes", expected, run([program]).splitlines())


def build_with_cmake(args, tmp, prefix, kind):
    build = os.path.join(tmp, "cmake-" + kind)
    run([args.cmake, "-S", os.path.join(HERE, "consumer"), "-B", build, "-DCMAKE_PREFIX_PATH=" + prefix,
         "-DKIND=" + kind, "-DCMAKE_C_COMPILER=" + args.cc])
    run([args.cmake, "--build", build])
    return os.path.join(build, "consumer")


def build_with_pkg_config(args, tmp, prefix, kind):
    program = os.path.join(tmp, "pc-" + kind)
    env = dict(os.environ, PKG_CONFIG_PATH=os.path.join(prefix, "lib", "pkgconfig"))
    static = ["--static"] if kind == "static" else []
    cflags = run(["pkg-config", "--cflags", "amanuensis"], env=env).split()
    libs = run(["pkg-config", "--libs", *static, "amanuensis"], env=env).split()
    if static:
        libs = [os.path.join(prefix, "lib", "libamanuensis.a") if lib == "-lamanuensis" else lib for lib in libs]
    run([args.cc, "-std=c11", *WARNINGS, *cflags, os.path.join(HERE, "consumer", "consumer.c"), "-o", program, *libs])
    return program


def check_install(args, tmp):
    first, prefix = os.path.join(tmp, "first"), os.path.join(tmp, "moved")
    run([args.cmake, "--install", args.build, "--prefix", first])
    shutil.move(first, prefix)
    for file in ["bin/amanuensis", "include/amanuensis.h", "lib/libamanuensis.a", "lib/libamanuensis.so",
                 "share/man/man1/amanuensis.1"]:
        if not os.path.exists(os.path.join(prefix, file)):
            sys.exit("not installed: " + file)
    env = dict(os.environ, LD_LIBRARY_PATH=os.path.join(prefix, "lib"))
    version = run([os.path.join(prefix, "bin", "amanuensis"), "version"]).splitlines()[0].split()[1]
    for kind in ["shared", "static"]:
        for how in [build_with_cmake, build_with_pkg_config]:
            program = how(args, tmp, prefix, kind)
            found = run([program], env=env).strip()
            if found != "amanuensis " + version:
                sys.exit("%s, %s: the program says %r, not version %s" % (how.__name__, kind, found, version))
            needs = "libamanuensis.so" in run(["ldd", program], env=env)
            if needs != (kind == "shared"):
                sys.exit("%s, %s: %s libamanuensis.so" % (how.__name__, kind, "needs" if needs else "does not need"))
            print(how.__name__, kind, "fine")
    print(run(["pkg-config", "--modversion", "amanuensis"],
              env=dict(os.environ, PKG_CONFIG_PATH=os.path.join(prefix, "lib", "pkgconfig"))).strip())


def main():
    checks = {"header": check_header, "readme": check_readme, "symbols": check_symbols, "struct_sizes": check_struct_sizes,
              "install": check_install}
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=checks)
    p.add_argument("--build", required=True, help="folder of a release build")
    p.add_argument("--cc", default="cc")
    p.add_argument("--cxx", default="c++")
    p.add_argument("--cmake", default="cmake")
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        checks[args.what](args, tmp)


if __name__ == "__main__":
    main()
