/** Names of virtual disks, and their numbers in xenstore: xen-vbd-interface(7). */

/** Returns the device id of "xvda", "d1p2", "sdb3", "hdc" or a number (decimal, 0x…, 0…); null for anything else. */
export function vdevNumber(vdev: string): number | null {
  if (/^(0x[0-9a-f]{1,7}|0[0-7]{0,9}|[1-9]\d{0,8})$/i.test(vdev))
    return /^0[0-7]+$/.test(vdev) ? parseInt(vdev, 8) : Number(vdev);
  const plain = /^d(\d{1,7})p(\d{1,3})$/.exec(vdev);
  if (plain) return xvd(Number(plain[1]), Number(plain[2]));
  const named = /^(xvd|sd|hd)([a-z]{1,5})(\d{1,3})?$/.exec(vdev);
  if (!named) return null;
  const disk = letters(named[2]!);
  const partition = Number(named[3] ?? 0);
  if (named[1] === "xvd") return xvd(disk, partition);
  if (named[1] === "sd") return disk <= 15 && partition <= 15 ? (8 << 8) | (disk << 4) | partition : null;
  return disk <= 3 && partition <= 63 ? ((disk < 2 ? 3 : 22) << 8) | ((disk & 1) << 6) | partition : null;
}

/** Returns what a disk of that number is called; null if it has no name. The reverse of vdevNumber(). */
export function vdevName(number: number): string | null {
  const name = (kind: string, disk: number, partition: number): string =>
    `${kind}${lettersOf(disk)}${partition > 0 ? partition : ""}`;
  if (number >>> 28 === 1) return name("xvd", (number >>> 8) & 0xfffff, number & 0xff);
  const [major, minor] = [number >>> 8, number & 0xff];
  if (major === 202) return name("xvd", minor >> 4, minor & 15);
  if (major === 8) return name("sd", minor >> 4, minor & 15);
  if ((major === 3 || major === 22) && minor < 128) return name("hd", (major === 3 ? 0 : 2) + (minor >> 6), minor & 63);
  return null;
}

function xvd(disk: number, partition: number): number | null {
  if (disk >= 1 << 20 || partition > 255) return null;
  return disk <= 15 && partition <= 15 ? (202 << 8) | (disk << 4) | partition : (1 << 28) | (disk << 8) | partition;
}

function lettersOf(number: number): string {
  const [rest, last] = [Math.floor(number / 26), String.fromCharCode(97 + (number % 26))];
  return rest > 0 ? lettersOf(rest - 1) + last : last;
}

/** a is 0, z 25, aa 26. */
function letters(text: string): number {
  let number = 0;
  for (const letter of text) number = number * 26 + letter.charCodeAt(0) - 96;
  return number - 1;
}
