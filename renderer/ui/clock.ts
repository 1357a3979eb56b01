/** Times of day as this application writes them everywhere, with 24 hours and two digits each. */
const two = (value: number): string => String(value).padStart(2, "0");

/** Writes milliseconds since 1970 as "17:03:12". */
export function clockText(milliseconds: number): string {
  const at = new Date(milliseconds);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}
/** "17:03", for axes whose marks are minutes apart. */
export function clockMinutes(milliseconds: number): string {
  return clockText(milliseconds).slice(0, 5);
}
/** "2026-11-28 17:03:12", for times that may be on another day. */
export function dateText(milliseconds: number): string {
  const at = new Date(milliseconds);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clockText(milliseconds)}`;
}
