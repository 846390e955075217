"""`lensmount export --from-dialect`: writes the declarations of a dialect for other programs."""

import argparse
from pathlib import Path

from lensmount_emulator.cli.options import UsageError


def write_dialect(arguments: argparse.Namespace) -> int:
    """Write a dialect in one format, and list the files.

    Raises:
        UsageError: an argument is missing, or one of a recording's export was given.
        DialectError: a field or a frame of the dialect has a form that no target can carry.
        CaptureError: a file exists, or cannot be written.
    """
    from lensmount_emulator.exports.formats import FORMATS, export_dialect
    from lensmount_hardware.output_file import STREAMS, check_output, write_output
    from lensmount_protocol.dialect import load_dialect
    from lensmount_protocol.errors import CaptureError

    if arguments.format is None or arguments.output is None:
        raise UsageError(f"--from-dialect needs --format and --output; formats: {', '.join(FORMATS)}")
    if arguments.recording is not None:
        raise UsageError(f"--from-dialect exports the declarations, and {arguments.recording} is a recording; name one")
    files = export_dialect(load_dialect(arguments.from_dialect), arguments.format)
    target = Path(arguments.output)
    if not FORMATS[arguments.format].folder:
        ((_, text),) = files.items()
        write_output(target, text.encode(), overwrite=arguments.force)
        if arguments.output not in STREAMS and not arguments.quiet:
            print(target)
        return 0
    if arguments.output in STREAMS or (target.exists() and not target.is_dir()):
        raise CaptureError(f"{target}: the format {arguments.format} is a folder of files; name a folder")
    for name in files:
        check_output(target / name, overwrite=arguments.force)
    for name, text in files.items():
        place = target / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CaptureError(f"{place.parent}: {error.strerror}") from error
        write_output(place, text.encode(), overwrite=arguments.force)
        if not arguments.quiet:
            print(place)
    return 0
