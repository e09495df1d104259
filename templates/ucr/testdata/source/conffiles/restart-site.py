from subprocess import call

def postinst(ucr, changes):
    call(['service', 'site', 'restart'])
