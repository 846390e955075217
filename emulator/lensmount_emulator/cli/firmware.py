"""Look at a firmware image file (.lmf), or make one to try updates of virtual lenses with.

The format is lensmount's own: no maker's file is one. An image that is made here holds noise, and only a virtual lens
starts from it:
  lensmount firmware new.lmf --make-for sigma-45mm-f2.8-dg-dn --version 2.0 --size 65536
  lensmount loopback --body panasonic-s1r --lens sigma-45mm-f2.8-dg-dn --arm "Update*" --do "update new.lmf"
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount firmware`."""
    from lensmount_emulator.cli.options import add_force

    parser.add_argument("file", metavar="FILE", help="the image")
    parser.add_argument("--make-for", metavar="PROFILE", help="make an image for this lens")
    parser.add_argument("--version", default="2.0", help="of the image that is made (default: %(default)s)")
    parser.add_argument("--size", type=int, default=65_536, help="its bytes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of its noise (default: %(default)s)")
    add_force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make the image if asked to, and print what the file holds."""
    from pathlib import Path

    from lensmount_emulator.cli.options import named_files
    from lensmount_emulator.models.firmware_image import format_version, make_image, read_image, write_image
    from lensmount_emulator.profiles.library import load_profile
    from lensmount_emulator.reports.printable import one_line
    from lensmount_emulator.roles.lmount.ids import lens_number, maker_name, maker_number
    from lensmount_emulator.roles.lmount.profile import LensSettings, version_bytes
    from lensmount_protocol.errors import ProfileError
    from lensmount_protocol.wire import Role

    path = Path(arguments.file)
    if arguments.make_for is not None:
        settings = load_profile(arguments.make_for, Role.LENS).settings
        if not isinstance(settings, LensSettings):
            raise ProfileError(f"profile {arguments.make_for!r} speaks another dialect than lmount; it takes no image")
        version = version_bytes(arguments.version)
        made = make_image(
            maker_number(settings.optics.maker), lens_number(settings), version, arguments.size, arguments.seed
        )
        write_image(path, made, overwrite=arguments.force, inputs=named_files(arguments.make_for))
    image = read_image(path)
    print(
        f"{one_line(path)}: {one_line(image.name)}, version {format_version(image.version)}, {len(image.content)} bytes"
    )
    print(f"for maker {maker_name(image.maker)}, model {image.model:#06x}; CRC-32 {image.crc32:#010x}")
    return 0
