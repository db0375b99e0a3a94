"""Times, and their parts, in UTC."""
import math
import re

DAY = 86400
WEEK = 7 * DAY
LAST_DAY = 3_650_000
RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in(year, month):
    return 28 + is_leap(year) if month == 2 else 30 if month in (4, 6, 9, 11) else 31


def days_before(year, month=1, day=1):
    """Days from 1970-01-01; of any year, unlike datetime."""
    past = year - 1
    return past * 365 + past // 4 - past // 100 + past // 400 + sum(days_in(year, m) for m in range(1, month)) + day - 1 - 719162


def year_of(day):
    year = 1970 + math.floor(day / 365.2425)
    return year - 1 if day < days_before(year) else year + 1 if day >= days_before(year + 1) else year


def unix_seconds(value):
    """Of a number or of RFC 3339 text; None for anything else."""
    if is_number(value):
        try:
            return float(value) if math.isfinite(value) else None
        except OverflowError:
            return None
    match = RFC3339.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
    if not (year >= 1 and 1 <= month <= 12 and 1 <= day <= days_in(year, month) and hour < 24 and minute < 60 and second < 60):
        return None
    zone = match[8]
    offset = 0 if zone in "Zz" else int(zone[0] + "1") * (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60)
    return float(days_before(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset) + float(match[7] or 0)


def modulo(x, divisor):
    rest = math.fmod(x, divisor)
    return rest + divisor if rest < 0 else rest


def has_date(unix):
    return abs(math.floor(unix / DAY)) <= LAST_DAY


def cycle(part, unix):
    """The fraction of a cycle that has passed; None beyond the calendar."""
    if part == "hour_cyclic":
        return modulo(unix, DAY) / DAY
    if part == "dow_cyclic":
        return modulo(unix + 3 * DAY, WEEK) / WEEK  # the epoch was a Thursday
    if not has_date(unix):
        return None
    year = year_of(math.floor(unix) // DAY)
    start, end = days_before(year) * float(DAY), days_before(year + 1) * float(DAY)
    return (unix - start) / (end - start)


def date_part(part, unix):
    """hour, dow, day or month, from 0; None beyond the calendar."""
    if not has_date(unix):
        return None
    day, second = divmod(math.floor(unix), DAY)
    if part == "hour":
        return second // 3600
    if part == "dow":
        return (day + 3) % 7
    year, month = year_of(day), 1
    rest = day - days_before(year)
    while rest >= days_in(year, month):
        rest -= days_in(year, month)
        month += 1
    return rest if part == "day" else month - 1


CYCLES = "hour_cyclic", "dow_cyclic", "year_cyclic"
DATE_PARTS = {"hour": 24, "dow": 7, "day": 31, "month": 12}
UNITS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0, "weeks": 604800.0}
