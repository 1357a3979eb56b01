/** GRUB's environment block: a signature, then NAME=VALUE lines, then "#" up to 1024 bytes. A backslash quotes in its values. */
const MOST_VARIABLES = 1000;

export function readEnvironment(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.replace(/\\\n/g, "").split("\n")) {
    const pair = /^([A-Za-z_]\w*)=(.*)$/.exec(line);
    if (pair && values.size < MOST_VARIABLES) values.set(pair[1]!, pair[2]!.replace(/\\(.)/g, "$1"));
  }
  return values;
}
