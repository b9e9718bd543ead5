
# The account comes from Require-User in the control file. Serial ports belong to root
# on OpenWrt, whose init script starts the gateway with the group dialout.
