"""The command, with the smallest parts that S3 allows, so that small files go in parts as large ones do."""

import sys

from camera_backup.bucket import checksums

checksums.PART_SIZE = 5 << 20

if __name__ == "__main__":
    from camera_backup.cli import main

    sys.exit(main())
