def handler(ucr, changes):
    pass
