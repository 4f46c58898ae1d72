"""The user store: logins that commands add, change and remove, in a file fit for Git."""
