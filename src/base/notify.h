/*
 * notify.h - tells the service manager where we are (the protocol of sd_notify(3)).
 *
 * Does something only when NOTIFY_SOCKET is set, as systemd does for services of Type=notify and
 * Type=notify-reload. What cannot be delivered is a line in the log, no more. main() only.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

/* Started, or done with reloading. */
void notify_ready(void);
/* A new configuration is being read; notify_ready() ends that, also when the old one stays. */
void notify_reloading(void);
/* On the way out, while requests in flight end. */
void notify_stopping(void);

#endif
