account
if ! fits; then unfit restarted
elif has rc-service && rc-service portti status >/dev/null 2>&1; then rc-service portti restart
fi
