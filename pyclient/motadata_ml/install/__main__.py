"""Write the extension's files into a folder: ``python -m motadata_ml.install FOLDER``."""

import sys
from pathlib import Path

from motadata_ml.install.errors import SetupError
from motadata_ml.install.script import write_files

if __name__ == "__main__":
    try:
        write_files(Path(sys.argv[1]))
    except SetupError as error:
        sys.exit(f"{error}\n{error.remedy}")
