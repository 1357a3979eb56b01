declare module "lz4js" {
  const lz4: {
    decompressBlock(source: Uint8Array, target: Uint8Array, at: number, length: number, targetAt: number): number;
  };
  export default lz4;
}
declare module "seek-bzip" {
  const bzip2: { decode(input: Buffer, output: { writeByte(byte: number): void }): void };
  export default bzip2;
}
