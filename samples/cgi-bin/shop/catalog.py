# What the shop sells. Prices in pence, as floats make bad money.
# number: (name, price)
ITEMS = {
    "tea": ("Tea, loose, 250 g", 495),
    "pot": ("Tea pot, brown", 1450),
    "cup": ("Cup with a blue rim", 650),
    "tin": ("Tin of biscuits", 725),
}


def price(pence):
    return "&pound;%d.%02d" % divmod(pence, 100)
