/** Where electron-builder puts what asarUnpack names: beside the archive, in a folder with a similar name. */

/** Returns the same place outside the archive; unchanged where there is no archive. */
export function unpacked(place: URL): URL {
  return new URL(place.href.replace(/\/app\.asar\//, "/app.asar.unpacked/"));
}
