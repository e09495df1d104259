#!/bin/sh
echo "$1" >/etc/site/generated
