"""pyinfra deploys: ``mail_host`` lists the services in order, one file with one ``@deploy`` function per service."""
