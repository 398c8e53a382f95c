"""What Twilio's transport and the final update make of real sockets that do not behave."""
