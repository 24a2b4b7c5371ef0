"""Samples side by side: medians, ranges, ratios to a base, and how noisy the ground was."""
import statistics


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def describe(values, digits=1):
    """"12.3 [10.1 .. 20.0]": the median, the least, the most."""
    if not values:
        return "-"
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f} .. {max(values):.{digits}f}]"


def noise(values):
    """How far the middle half of the samples lies apart, in parts of the median."""
    if not values or not statistics.median(values):
        return 0.0
    low, high = quartiles(values)
    return (high - low) / statistics.median(values)


def ratio(values, base):
    """ "1.23x", or "~1" when the two middle halves overlap: this run does not tell them apart."""
    if not values or not base or not statistics.median(base):
        return "-"
    text = f"{statistics.median(values) / statistics.median(base):.2f}x"
    low, high = quartiles(values)
    base_low, base_high = quartiles(base)
    return f"{text} (within the noise)" if low <= base_high and base_low <= high else text


def table(header, rows):
    widths = [max(len(str(row[i])) for row in [header, *rows]) for i in range(len(header))]
    lines = ["| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in [header, *rows]]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
