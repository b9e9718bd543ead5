package thingsee
