"""Ordinary services with the rhythms of day and week and what usually happens to them."""

import numpy as np
from numpy.random import Generator

from benchmarks.unseen.parts import (
    DAY,
    FloatArray,
    IntArray,
    arrivals,
    autoregression,
    bump,
    by_day,
    chance,
    day_shape,
    family,
    local_clock,
    log_uniform,
    measured,
    office_hours,
    plateau,
    pulse,
    volume,
)


def by_weekday(rng: Generator, day: IntArray, deviation: float) -> FloatArray:
    """Return a factor around 1 for each day of the week."""
    factors: FloatArray = np.exp(deviation * rng.standard_normal(7))[day]
    return factors


@family("mild")
def patient_portal(rng: Generator, n: int) -> FloatArray:
    """Patients book in office hours, read results in the afternoon, and answer reminders."""
    minute, day, number = local_clock(rng, n)
    rate = rng.uniform(0.05, 0.3) + office_hours(rng, minute, day)
    rate += rng.uniform(0.1, 0.6) * bump(minute, rng.uniform(1140, 1290), rng.uniform(50, 100))
    results = rng.uniform(0.1, 0.7) * bump(minute, rng.uniform(840, 1020), rng.uniform(20, 60))
    rate += results * (day < 5)
    rate *= by_day(rng, number, rng.uniform(0.03, 0.1)) * by_weekday(rng, day, 0.08)
    for at in arrivals(rng, n, rng.uniform(2, 8) * DAY):
        pulse(rate, at, rng.uniform(0.1, 0.8), rng.uniform(3, 20), 10, rng.uniform(30, 120))
    return measured(rng, rate * volume(rng))


@family("mild")
def recipe_site(rng: Generator, n: int) -> FloatArray:
    """Cooks look up lunch and supper, bake on Sundays, and now and then share one recipe."""
    minute, day, number = local_clock(rng, n)
    weekend = day >= 5
    supper = rng.uniform(990, 1110)
    rate = rng.uniform(0.1, 0.3) + 0.3 * bump(minute, 900, 240)
    rate += rng.uniform(0.2, 0.7) * bump(minute, rng.uniform(640, 720), rng.uniform(40, 80))
    rate += np.where(weekend, 0.8, 1.0) * bump(minute, supper, rng.uniform(50, 100))
    rate += rng.uniform(0.2, 0.8) * weekend * bump(minute, rng.uniform(780, 900), 150)
    rate += rng.uniform(0.1, 0.5) * (day == 6) * bump(minute, rng.uniform(600, 800), 100)
    rate *= by_day(rng, number, rng.uniform(0.03, 0.12))
    for at in arrivals(rng, n, rng.uniform(4, 15) * DAY):
        pulse(rate, at, log_uniform(rng, 0.2, 2), rng.uniform(20, 180), 60, rng.uniform(200, 900))
    return measured(rng, rate * volume(rng))


@family("mild")
def ride_hailing(rng: Generator, n: int) -> FloatArray:
    """Riders commute on workdays, go out on two nights, and ride more while it rains."""
    minute, day, number = local_clock(rng, n)
    work = np.where(day < 5, 1.0, rng.uniform(0.05, 0.3))
    rate = rng.uniform(0.1, 0.25) + 0.5 * bump(minute, rng.uniform(780, 960), 240)
    rate += work * rng.uniform(0.5, 1.2) * bump(minute, rng.uniform(450, 530), 45)
    rate += work * rng.uniform(0.5, 1.2) * bump(minute, rng.uniform(1040, 1130), 70)
    # A night belongs to the evening it began in.
    evening = (day - (minute < 480)) % 7
    nights = np.isin(evening, [4, 5]) * rng.uniform(0.6, 1.6)
    rate += nights * bump(minute, rng.uniform(1380, 1530), rng.uniform(80, 140))
    rain = autoregression(rng, n, rng.uniform(120, 600), 1.0) > rng.uniform(0.8, 1.6)
    soaked = np.convolve(rain, np.full(20, 1 / 20))[:n]
    rate *= (1 + rng.uniform(0.1, 0.7) * soaked) * by_day(rng, number, 0.06)
    return measured(rng, rate * volume(rng))


@family("mild")
def bank_app(rng: Generator, n: int) -> FloatArray:
    """Customers glance at balances, most on the day wages arrive; a link to cards fails shortly."""
    minute, day, number = local_clock(rng, n)
    rate = 0.08 + bump(minute, rng.uniform(440, 540), rng.uniform(50, 110))
    rate += rng.uniform(0.6, 1.1) * bump(minute, rng.uniform(720, 800), rng.uniform(80, 160))
    rate += rng.uniform(0.5, 1.2) * bump(minute, rng.uniform(1080, 1260), rng.uniform(70, 140))
    wages = (day == rng.integers(3, 5)) & (minute > rng.uniform(240, 420))
    rate *= np.where(day >= 5, rng.uniform(0.6, 0.9), 1.0) * (1 + rng.uniform(0.1, 0.5) * wages)
    rate *= by_day(rng, number, rng.uniform(0.02, 0.08))
    for at in arrivals(rng, n, rng.uniform(5, 20) * DAY):
        begin, minutes = int(at), int(rng.uniform(8, 45))
        rate[begin : begin + minutes] *= rng.uniform(0.3, 0.8)
        pulse(rate, begin + minutes, rng.uniform(0.1, 0.7), 2, 5, rng.uniform(8, 25))
    return measured(rng, rate * volume(rng))


@family("mild")
def code_hosting(rng: Generator, n: int) -> FloatArray:
    """Developers of a few countries push while they work, robots always, big builds at times."""
    rate = np.full(n, rng.uniform(0.15, 0.6))
    for _ in range(rng.integers(2, 5)):
        minute, day, number = local_clock(rng, n)
        people = office_hours(rng, minute, day) * rng.uniform(0.2, 1)
        lunch = 1 - rng.uniform(0.1, 0.4) * bump(minute, rng.uniform(720, 790), 30)
        late = rng.uniform(0.05, 0.2) * bump(minute, rng.uniform(1260, 1380), 80)
        rate += (people * lunch + late) * by_day(rng, number, 0.07)
    builds = np.zeros(n)
    for at in arrivals(rng, n, rng.uniform(60, 600)):
        pulse(builds, at, rng.exponential(0.15), 2, rng.uniform(3, 25), 5)
    return measured(rng, (rate + builds * rate) * volume(rng))


@family("mild")
def map_tiles(rng: Generator, n: int) -> FloatArray:
    """Drivers fetch maps, on free days for trips in fair weather; releases chill caches."""
    minute, day, number = local_clock(rng, n)
    free = day >= 5
    rate = 0.1 + 0.5 * bump(minute, rng.uniform(800, 900), 200)
    rate += ~free * rng.uniform(0.4, 1.0) * bump(minute, rng.uniform(450, 520), 50)
    rate += ~free * rng.uniform(0.4, 1.0) * bump(minute, rng.uniform(1010, 1100), 75)
    trips = rng.uniform(0.5, 1.5) * bump(minute, rng.uniform(600, 720), 100)
    trips += rng.uniform(0.2, 1.0) * bump(minute, rng.uniform(960, 1080), 110)
    days = int(number.max()) + 1
    fair = np.exp(autoregression(rng, days, rng.uniform(1, 4), rng.uniform(0.1, 0.35)))[number]
    rate = (rate + free * trips) * np.where(free, fair, np.sqrt(fair))
    for at in arrivals(rng, n, rng.uniform(6, 14) * DAY):
        chilled = np.zeros(n)
        pulse(chilled, at, rng.uniform(0.1, 0.5), 3, rng.uniform(5, 30), rng.uniform(60, 400))
        rate *= 1 + chilled
    return measured(rng, rate * volume(rng))


@family("mild")
def food_delivery(rng: Generator, n: int) -> FloatArray:
    """Hungry people order lunch and dinner, later at weekends, and more on evenings of vouchers."""
    minute, day, number = local_clock(rng, n)
    weekend = np.isin(day, [4, 5, 6]) * 1.0
    dinner, later = rng.uniform(1080, 1200), rng.uniform(0, 40)
    rate = rng.uniform(0.02, 0.1) + 0.15 * bump(minute, 1350, 120)
    rate += rng.uniform(0.3, 1.0) * bump(minute, rng.uniform(715, 790), rng.uniform(25, 55))
    friday = 1 + rng.uniform(0.1, 0.7) * weekend
    apart = (minute - dinner - later * weekend) / rng.uniform(50, 80)
    rate += friday * np.exp(-0.5 * apart**2)
    rate *= by_day(rng, number, rng.uniform(0.05, 0.18))
    vouchers = rng.random(int(number.max()) + 1) < rng.uniform(0.02, 0.15)
    rate *= 1 + rng.uniform(0.15, 0.6) * vouchers[number] * (minute >= 960)
    return measured(rng, rate * volume(rng))


@family("mild")
def payment_gateway(rng: Generator, n: int) -> FloatArray:
    """Many merchants of unlike sizes and rhythms share a gateway; some hold a sale for a day."""
    minute, day, number = local_clock(rng, n)
    rate = np.zeros(n)
    merchants = int(rng.integers(8, 25))
    weights = rng.pareto(rng.uniform(1.3, 2.5), merchants) + 0.2
    evening, common = rng.uniform(700, 1200), rng.uniform(0.5, 1.0)
    for weight in weights / weights.sum():
        own = day_shape(rng, minute, rng.uniform(0.2, 0.9)) * (1 - common)
        own += common * (0.15 + 2 * bump(minute, evening + rng.uniform(-180, 180), 170))
        own *= by_weekday(rng, day, 0.2) * by_day(rng, number, 0.1)
        for at in arrivals(rng, n, 40 * DAY):
            sale = np.ones(n)
            plateau(sale, at, at + rng.uniform(0.4, 1.5) * DAY, rng.uniform(0.3, 2))
            own *= sale
        rate += weight * own
    return measured(rng, rate * volume(rng), 0.01, 0.08)


@family("mild")
def hotel_search(rng: Generator, n: int) -> FloatArray:
    """Travellers plan in the evening and on Sundays, with the season, and follow newsletters."""
    minute, day, number = local_clock(rng, n)
    rate = rng.uniform(0.15, 0.4) + bump(minute, rng.uniform(1200, 1300), rng.uniform(90, 150))
    rate += rng.uniform(0.3, 0.9) * bump(minute, rng.uniform(750, 900), rng.uniform(150, 240))
    week = np.linspace(1.1, rng.uniform(0.75, 0.95), 7)
    week[5:] = rng.uniform(0.7, 0.95), rng.uniform(1.05, 1.4)
    rate *= week[day] * by_day(rng, number, rng.uniform(0.03, 0.1))
    rate *= np.exp(rng.uniform(-0.35, 0.35) * np.linspace(0, 1, n))
    for at in arrivals(rng, n, rng.uniform(3, 10) * DAY):
        if minute[int(at)] > 480 and chance(rng, 0.9):
            pulse(rate, at, rng.uniform(0.15, 0.9), rng.uniform(5, 30), 15, rng.uniform(40, 200))
    return measured(rng, rate * volume(rng))


@family("mild")
def smart_speakers(rng: Generator, n: int) -> FloatArray:
    """Homes wake up, cook and play music to a speaker; a district's network is away for a while."""
    minute, day, number = local_clock(rng, n)
    weekend = day >= 5
    wake, lie_in = rng.uniform(390, 450), rng.uniform(60, 150)
    rate = rng.uniform(0.05, 0.15) + 0.4 * bump(minute, rng.uniform(800, 900), 200)
    early = bump(minute, wake, rng.uniform(30, 60))
    rate += np.where(weekend, 0.8 * bump(minute, wake + lie_in, 90), early)
    rate += rng.uniform(0.7, 1.5) * bump(minute, rng.uniform(1050, 1140), rng.uniform(70, 110))
    rate += rng.uniform(0.1, 0.6) * bump(minute, rng.uniform(1290, 1350), 35)
    rate += weekend * rng.uniform(0.1, 0.4) * bump(minute, 840, 200)
    rate *= by_day(rng, number, rng.uniform(0.02, 0.07))
    for at in arrivals(rng, n, rng.uniform(4, 12) * DAY):
        begin, minutes = int(at), int(log_uniform(rng, 10, 240))
        rate[begin : begin + minutes] *= rng.uniform(0.6, 0.95)
    return measured(rng, rate * volume(rng))
