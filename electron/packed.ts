/** Where electron-builder puts what asarUnpack names: beside the archive, in a folder of its name. */

/** The same place outside the archive; as it is where there is no archive. */
export function unpacked(place: URL): URL {
  return new URL(place.href.replace(/\/app\.asar\//, "/app.asar.unpacked/"));
}
