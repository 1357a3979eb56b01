/** Exit statuses of `xenarium run` and of the program itself. xl and the xenstore clients have those of Xen's own tools. */
export const EXIT_POWEROFF = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;
export const EXIT_CRASH = 3;
export const EXIT_REBOOT = 4;
/** As timeout(1). */
export const EXIT_TIMEOUT = 124;

/** As a shell reports a program that the signal ended. */
export const SIGNAL_STATUS = { SIGHUP: 128 + 1, SIGINT: 128 + 2, SIGPIPE: 128 + 13, SIGTERM: 128 + 15 } as const;

/** What `xenarium help run` says of them. */
export const RUN_STATUSES: readonly (readonly [status: string, meaning: string])[] = [
  [`${EXIT_POWEROFF}`, "the guest powered itself off"],
  [`${EXIT_FAILURE}`, "it suspended itself or was destroyed, Ctrl+] left it, or the host failed"],
  [`${EXIT_USAGE}`, "the arguments or a file that they name are wrong; no guest ran"],
  [`${EXIT_CRASH}`, "the guest crashed, or its watchdog ended it"],
  [`${EXIT_REBOOT}`, 'it asked for a reboot where on_reboot is "destroy"'],
  [`${EXIT_TIMEOUT}`, "it was still running at --timeout"],
  [
    `${SIGNAL_STATUS.SIGHUP}, ${SIGNAL_STATUS.SIGINT}, ${SIGNAL_STATUS.SIGTERM}`,
    "SIGHUP, SIGINT (Ctrl+C) or SIGTERM ended the run",
  ],
  [`${SIGNAL_STATUS.SIGPIPE}`, "whoever read the console closed it"],
];
