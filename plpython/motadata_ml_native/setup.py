"""Build one wheel for every Python from 3.11 on; CFLAGS and LDFLAGS add to what is given here."""

from pathlib import Path

from setuptools import Extension, setup  # type: ignore[import-untyped]

HERE = Path(__file__).parent

setup(
    ext_modules=[
        Extension(
            "motadata_ml_native._loops",
            sorted(str(source.relative_to(HERE)) for source in HERE.glob("c/*.c")),
            depends=sorted(str(header.relative_to(HERE)) for header in HERE.glob("c/*.h")),
            define_macros=[("Py_LIMITED_API", "0x030b0000")],
            # no fused multiply-add: every form and every processor gives the same bits
            extra_compile_args=["-std=gnu17", "-O3", "-ffp-contract=off", "-fvisibility=hidden", "-Wall", "-Wextra"],
            py_limited_api=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
