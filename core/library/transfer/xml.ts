/** Reads XML from outside as plain objects, with bounds and without entities that it declares itself. */
import { XMLParser } from "fast-xml-parser";
import { Refusal } from "../../toolstack/error.ts";

export const MOST_XML_BYTES = 8 * 2 ** 20;

export type XmlNode = { readonly [key: string]: XmlNode | XmlNode[] | string | undefined };

/** Attributes begin with "@", and prefixes of namespaces are left out. `lists` names elements that are always lists. Throws Refusal EINVAL. */
export function readXml(bytes: Buffer, what: string, lists: readonly string[]): XmlNode {
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  const refuse = (why: string): Refusal => new Refusal("EINVAL", `${what} is not understood: ${why}.`);
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) throw refuse("it declares entities of its own");
  try {
    const parser = new XMLParser({
      ignoreAttributes: false,
      attributeNamePrefix: "@",
      removeNSPrefix: true,
      parseTagValue: false,
      parseAttributeValue: false,
      isArray: (name) => lists.includes(name),
    });
    return parser.parse(text, true) as XmlNode;
  } catch (error) {
    throw refuse((error as Error).message.slice(0, 200));
  }
}

export function nodesOf(node: XmlNode | undefined, name: string): XmlNode[] {
  const value = node?.[name];
  const all = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return all.flatMap((each): XmlNode[] =>
    typeof each === "string" ? [{ "#text": each }] : each === undefined ? [] : [each],
  );
}
export function textOf(node: XmlNode | undefined, name: string): string {
  const value = node?.[name];
  const one = Array.isArray(value) ? value[0] : value;
  if (typeof one === "string") return one;
  const text = one?.["#text"];
  return typeof text === "string" ? text : "";
}
