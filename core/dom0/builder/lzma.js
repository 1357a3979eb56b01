// JavaScript, with lzma.d.ts beside it: the package's types are its sources, which don't pass this project's options.
export { decompress } from "lzma1";
