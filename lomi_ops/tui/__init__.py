"""Front ends that fill the terminal. Only a command that starts one imports them."""
