"""Plots as SVG text: for the dashboard and for reports that are one file.

Recipe. A chart is a pure function: figures in, SVG text out. Colours are classes (``tier-small``, ``pass``), never attributes, so
that a page with a strict content security policy can show it in light and dark; ``style.CHARTS_CSS`` is the one stylesheet.

    from pointsman.charts.figure import figure
    from pointsman.charts.lines import Line, Point, time_lines, time_table

    lines = [Line("haiku", [Point(epoch_seconds, 0.94, low=0.91, high=0.96, n=240, href="/turns?...")], tone="small")]
    html = figure(
        "Right tool calls by hour",
        lambda width: time_lines(lines, title="Right tool calls by hour", unit="share", zone=zone, width=width),
        time_table(lines, unit="share", zone=zone),
    )

``figure`` draws twice, wide and narrow, and the stylesheet shows the one that fits: text stays 12 px at 390 px. Unknown
values are None and leave a gap; NaN and infinities are taken for unknown. Names and titles are escaped here, nowhere else.
"""
