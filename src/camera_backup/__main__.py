"""`python -m camera_backup`, the same as `camera-backup`."""

import sys

from camera_backup.cli import main

sys.exit(main())
