/** Seconds between the marks of a time axis, from a second to a day. */
export const TIME_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400,
];
/** The least distance from one mark to the next, because a time needs room. */
export const TIME_PIXELS = 74;
