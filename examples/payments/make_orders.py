"""
Makes a day's orders, always the same for the same seed: `python examples/payments/make_orders.py [ROWS [SEED]] > orders.csv`.

1,000 customers, of whom some order far more often than others, 40 items, and a few lines that are no orders, since a real
file has them too.
"""

import sys
from collections.abc import Iterator
from random import Random

ADJECTIVES = ("blue", "wooden", "folding", "small", "sturdy", "enamel", "woollen", "travel")
NOUNS = ("lamp", "kettle", "blanket", "stool", "teapot")
FIRST_NAMES = ("ann", "bela", "carla", "dragan", "edith", "farid", "gwen", "hiro", "ines", "jonas")
LAST_NAMES = ("adler", "brook", "castillo", "duarte", "eriksen", "fontaine", "greco", "horvat", "ito", "jansen")
CUSTOMERS = 1_000

BAD_LINES = (
    "X-1,A-0007,hiro.adler.7@example.com,blue lamp,two,39.00",
    "X-2,A-0123,dragan.castillo.123@example.com,sturdy stool,1",
    "X-3,,gwen.greco.66@example.com,travel kettle,1,27.50",
    "X-4,A-0404,edith.adler.404@example.com,small teapot,1,EUR 12.90",
    "X-5,A-0555,farid at example.com,enamel kettle,2,31.00",
    'X-6,A-0999,jonas.jansen.999@example.com,"wooden lamp,1,44.00',
    "B-000001,A-0570,ann.horvat.570@example.com,blue lamp,3,17.40",
)


def lines(rows: int, seed: int) -> Iterator[str]:
    """The file, line by line: *rows* orders, and the bad lines spread evenly between them."""
    random = Random(seed)
    catalogue = [(f"{adjective} {noun}", 890 + random.randrange(120) * 50) for noun in NOUNS for adjective in ADJECTIVES]
    bad = {rows * (number + 1) // (len(BAD_LINES) + 1): line for number, line in enumerate(BAD_LINES)}
    yield "order,account,email,item,quantity,unit_price"
    for row in range(1, rows + 1):
        customer = int(CUSTOMERS * min(random.random(), random.uniform(0.3, 1)))
        item, cents = catalogue[int(len(catalogue) * min(random.random(), random.random()))]
        quantity = 1 + int(4 * min(random.random(), random.random(), random.random()))
        email = f"{FIRST_NAMES[customer % 10]}.{LAST_NAMES[customer // 10 % 10]}.{customer}@example.com"
        yield f"B-{row:06d},A-{customer:04d},{email},{item},{quantity},{cents // 100}.{cents % 100:02d}"
        if row in bad:
            yield bad[row]


def main(rows: str = "20000", seed: str = "1") -> None:
    """Prints the file."""
    sys.stdout.writelines(f"{line}\n" for line in lines(int(rows), int(seed)))


if __name__ == "__main__":
    main(*sys.argv[1:])
