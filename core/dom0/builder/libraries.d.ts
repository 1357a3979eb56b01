declare module "seek-bzip" {
  const bzip2: { decode(input: Buffer, output: { writeByte(byte: number): void }): void };
  export default bzip2;
}
