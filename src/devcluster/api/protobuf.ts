import { isJsonList, isJsonObject, type Json, type JsonObject } from '../objects/json.ts';
import { apiVersionOf, type Resource } from '../objects/kinds.ts';
import { badRequest, unsupportedMediaType } from '../objects/status.ts';

/**
 * The protobuf body of `kubectl create service|namespace|deployment`, as the JSON it stands for. kubectl sends these
 * in no other form. Fields are told by number; the ones that are not listed here are skipped.
 */
interface Field {
  readonly name: string;
  readonly type: 'text' | 'whole' | 'flag' | 'map' | 'int or text' | Message;
  readonly repeated?: true;
}
interface Message {
  readonly [fieldNumber: number]: Field;
}

const objectMeta: Message = {
  1: { name: 'name', type: 'text' },
  2: { name: 'generateName', type: 'text' },
  3: { name: 'namespace', type: 'text' },
  11: { name: 'labels', type: 'map' },
  12: { name: 'annotations', type: 'map' },
};
const servicePort: Message = {
  1: { name: 'name', type: 'text' },
  2: { name: 'protocol', type: 'text' },
  3: { name: 'port', type: 'whole' },
  4: { name: 'targetPort', type: 'int or text' },
  5: { name: 'nodePort', type: 'whole' },
  6: { name: 'appProtocol', type: 'text' },
};
const serviceSpec: Message = {
  1: { name: 'ports', type: servicePort, repeated: true },
  2: { name: 'selector', type: 'map' },
  3: { name: 'clusterIP', type: 'text' },
  4: { name: 'type', type: 'text' },
  5: { name: 'externalIPs', type: 'text', repeated: true },
  10: { name: 'externalName', type: 'text' },
  13: { name: 'publishNotReadyAddresses', type: 'flag' },
  17: { name: 'ipFamilyPolicy', type: 'text' },
  18: { name: 'clusterIPs', type: 'text', repeated: true },
  19: { name: 'ipFamilies', type: 'text', repeated: true },
};
const containerPort: Message = {
  1: { name: 'name', type: 'text' },
  3: { name: 'containerPort', type: 'whole' },
  4: { name: 'protocol', type: 'text' },
};
const container: Message = {
  1: { name: 'name', type: 'text' },
  2: { name: 'image', type: 'text' },
  6: { name: 'ports', type: containerPort, repeated: true },
};
const podTemplate: Message = {
  1: { name: 'metadata', type: objectMeta },
  2: { name: 'spec', type: { 2: { name: 'containers', type: container, repeated: true } } },
};
const deploymentSpec: Message = {
  1: { name: 'replicas', type: 'whole' },
  2: { name: 'selector', type: { 1: { name: 'matchLabels', type: 'map' } } },
  3: { name: 'template', type: podTemplate },
};
const metadata: Field = { name: 'metadata', type: objectMeta };
const messages: { readonly [kind: string]: Message } = {
  Namespace: { 1: metadata },
  Service: { 1: metadata, 2: { name: 'spec', type: serviceSpec } },
  Deployment: { 1: metadata, 2: { name: 'spec', type: deploymentSpec } },
};

const MAGIC = 'k8s\0';
const envelope: Message = {
  1: { name: 'typeMeta', type: { 1: { name: 'apiVersion', type: 'text' }, 2: { name: 'kind', type: 'text' } } },
};
const RAW_FIELD = 2;

/** Throws ApiError 400 for what is no such message, 415 for a kind that is not listed here. */
export function decodeProtobuf(body: Buffer, resource: Resource): JsonObject {
  const message = messages[resource.kind];
  if (message === undefined) throw unsupportedMediaType('application/json, application/yaml');
  if (body.subarray(0, MAGIC.length).toString('latin1') !== MAGIC) throw malformed();
  const wrapped = body.subarray(MAGIC.length);
  const raw = readFields(wrapped).find(({ number }) => number === RAW_FIELD)?.value;
  if (!Buffer.isBuffer(raw)) throw malformed();
  const { typeMeta } = readMessage(wrapped, envelope);
  const { apiVersion = apiVersionOf(resource), kind = resource.kind } = isJsonObject(typeMeta) ? typeMeta : {};
  return { apiVersion, kind, ...readMessage(raw, message) };
}

interface WireField {
  readonly number: number;
  readonly value: number | Buffer;
}

/** The fields of a message (Protocol Buffers encoding): varints and length-delimited ones, all that these kinds use. */
function readFields(bytes: Buffer): readonly WireField[] {
  const fields: WireField[] = [];
  let at = 0;

  function varint(): number {
    let value = 0;
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw malformed();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed();
  }

  while (at < bytes.length) {
    const tag = varint();
    const value = varint();
    const wireType = tag % 8;
    const number = Math.floor(tag / 8);
    if (wireType === 0) fields.push({ number, value });
    else if (wireType !== 2 || at + value > bytes.length) throw malformed();
    else fields.push({ number, value: bytes.subarray(at, (at += value)) });
  }
  return fields;
}

/** In protobuf an empty text and a false flag are how an unset field is written: they are left out. */
function readMessage(bytes: Buffer, message: Message): JsonObject {
  const members = new Map<string, Json>();
  for (const { number, value } of readFields(bytes)) {
    const field = message[number];
    if (field === undefined) continue;
    const { name, type, repeated } = field;
    const before = members.get(name);
    const found = readValue(value, type);
    if (found === undefined) continue;
    if (repeated) members.set(name, isJsonList(before) ? [...before, found] : [found]);
    else if (isJsonObject(before) && isJsonObject(found)) members.set(name, { ...before, ...found });
    else members.set(name, found);
  }
  return Object.fromEntries(members);
}

function readValue(value: number | Buffer, type: Field['type']): Json | undefined {
  if (typeof value === 'number') return type === 'whole' ? value : type === 'flag' && value === 1 ? true : undefined;
  if (type === 'text') return value.length === 0 ? undefined : value.toString();
  if (type === 'map') return mapEntry(value);
  if (type === 'int or text') return intOrText(value);
  return typeof type === 'object' ? readMessage(value, type) : undefined;
}

function mapEntry(bytes: Buffer): JsonObject {
  const { key, value } = readMessage(bytes, { 1: { name: 'key', type: 'text' }, 2: { name: 'value', type: 'text' } });
  return { [typeof key === 'string' ? key : '']: value ?? '' };
}

/** Which of the two it is comes first: 0 for the number. A number of 0 is an unset one. */
function intOrText(bytes: Buffer): Json | undefined {
  const fields = { 2: { name: 'number', type: 'whole' }, 3: { name: 'text', type: 'text' } } as const;
  const { number, text } = readMessage(bytes, fields);
  return text ?? (number === 0 ? undefined : number);
}

function malformed(): Error {
  return badRequest('the object provided is unrecognized: the protobuf body is cut short or malformed');
}
