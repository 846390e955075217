"""Fields and lines of a capture over time, as a picture: .svg, .png or .pdf; needs the extra `plot` (matplotlib).

Without --field and --line it draws the position of the focus, as reported and as ordered, and all lines.
  lensmount plot FILE --output x.svg
  lensmount plot FILE --field LensStatus.distance --line VD --range 1.0..1.5 --output x.svg
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount plot`."""
    from lensmount_emulator.cli.options import add_force, parse_frequency, parse_range

    parser.add_argument("recording", metavar="FILE", help="a recording, or any other capture")
    parser.add_argument(
        "--output", required=True, metavar="PICTURE", help="the target, which ends in .svg, .png or .pdf"
    )
    for option, metavar, what in (("--field", "MESSAGE.FIELD", "a field"), ("--line", "LINE", "a line of the mount")):
        parser.add_argument(
            option, action="append", default=[], metavar=metavar, help=f"{what} to draw; may be given again"
        )
    parser.add_argument(
        "--range", type=parse_range, metavar="FROM..TO", help="only this time, such as 1.2..1.5 or 200ms..1s"
    )
    parser.add_argument("--dialect", help="the dialect (default: the one that the recording declares, else emount)")
    parser.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar="LINE=PROBE",
        help="which channel of a logic capture carries a line",
    )
    parser.add_argument(
        "--samplerate", type=parse_frequency, metavar="HZ", help="samples a second of a FILE that lacks them: 6M"
    )
    add_force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw and write it; 1 where a field or line is absent, or the source is incomplete or of another dialect."""
    from pathlib import Path

    from lensmount_emulator.cli.options import UsageError, dialect_of_file, parse_channels
    from lensmount_emulator.reports.printable import one_line, report
    from lensmount_emulator.sessions.decoded_capture import open_capture, reading_problems
    from lensmount_emulator.sessions.traffic_stats import TrafficStats
    from lensmount_emulator.traffic.field_columns import find_field
    from lensmount_emulator.traffic.plots import ENDINGS, absent_names, check_matplotlib, plot_columns, write_plot
    from lensmount_emulator.traffic.read_columns import columns_of_events
    from lensmount_hardware.output_file import check_output
    from lensmount_protocol.dialect import load_dialect

    source, target = Path(arguments.recording), Path(arguments.output)
    if target.suffix not in ENDINGS:
        raise UsageError(f"{target}: unknown file name ending; known endings: {', '.join(ENDINGS)}")
    check_matplotlib()
    check_output(target, overwrite=arguments.force, inputs=[source])
    dialect = load_dialect(arguments.dialect or dialect_of_file(arguments.recording))
    for name in arguments.field:
        find_field(dialect, name)
    channels = parse_channels(arguments.channel, dialect.wiring.lines)
    capture = open_capture(source, dialect, channels=channels, samplerate=arguments.samplerate)
    stats = TrafficStats(dialect)
    columns = columns_of_events(dialect, stats.counted(capture))
    figure = plot_columns(columns, arguments.field, arguments.line, within=arguments.range, title=source.name)
    write_plot(target, figure, overwrite=arguments.force, inputs=[source])
    only_lines = bool(arguments.line) and not arguments.field
    assumed = not (arguments.dialect or capture.declared)
    problems = reading_problems(stats, capture.declared, assumed=assumed, needs_bytes=not only_lines)
    problems = [*problems, *absent_names(columns, arguments.field, arguments.line, arguments.range)]
    for problem in problems:
        report(one_line(f"{source}: {problem}"))
    return 1 if problems else 0
