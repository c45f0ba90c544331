import type { KubeObject } from '../objects/kinds.ts';
import type { Labels } from '../objects/metadata.ts';
import { badRequest } from '../objects/status.ts';

export type Matcher = (object: KubeObject) => boolean;

/**
 * A label selector, all of whose requirements must hold (Kubernetes, "Labels and Selectors"): `a=b`, `a==b`, `a!=b`,
 * `a in (b,c)`, `a notin (b,c)`, `a`, `!a`. What is not there counts for `!=` and `notin`. Throws ApiError 400.
 */
export function labelSelector(selector: string): Matcher {
  const requirements = splitOutsideParentheses(selector).map(labelRequirement);
  return ({ metadata }) => requirements.every((holds) => holds(metadata.labels ?? {}));
}

/** A field selector: `metadata.name=web,status.phase!=Running`. Throws ApiError 400 for fields that are not known. */
export function fieldSelector(selector: string): Matcher {
  const terms = selector.split(',').filter((term) => term !== '');
  const matchers = terms.map(fieldRequirement);
  return (object) => matchers.every((matches) => matches(object));
}

type LabelRequirement = (labels: Labels) => boolean;

const NAME = '[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?';
const VALUE = '[-A-Za-z0-9_.]*';
const EXISTS = new RegExp(`^(!?)\\s*(${NAME})$`);
const EQUALS = new RegExp(`^(${NAME})\\s*(=|==|!=)\\s*(${VALUE})$`);
const IN_SET = new RegExp(`^(${NAME})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);

function labelRequirement(requirement: string): LabelRequirement {
  const equals = EQUALS.exec(requirement);
  if (equals) {
    const [, key = '', , operator, value] = equals;
    return operator === '!=' ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  const inSet = IN_SET.exec(requirement);
  if (inSet) {
    const [, key = '', , operator, list = ''] = inSet;
    const values = new Set<string | undefined>(list.split(',').map((value) => value.trim()));
    return operator === 'in' ? (labels) => values.has(labels[key]) : (labels) => !values.has(labels[key]);
  }
  const exists = EXISTS.exec(requirement);
  if (exists) {
    const [, not, key = ''] = exists;
    return not === '!' ? (labels) => !(key in labels) : (labels) => key in labels;
  }
  throw badRequest(
    `unable to parse requirement: ${JSON.stringify(requirement)} is not key, !key, key=value, key!=value, key in (a,b)`,
  );
}

function splitOutsideParentheses(selector: string): readonly string[] {
  if (selector.trim() === '') return [];
  return selector.split(/,(?![^(]*\))/).map((requirement) => requirement.trim());
}

/** The fields a selector may ask for, as far as the object has them. */
const fieldReaders: { readonly [field: string]: (object: KubeObject) => string } = {
  'metadata.name': ({ metadata }) => metadata.name,
  'metadata.namespace': ({ metadata }) => metadata.namespace ?? '',
  'status.phase': (object) => (object.kind === 'Pod' || object.kind === 'Namespace' ? object.status.phase : ''),
  'spec.nodeName': (object) => (object.kind === 'Pod' ? (object.spec.nodeName ?? '') : ''),
  'spec.type': (object) => (object.kind === 'Service' ? object.spec.type : ''),
  'spec.clusterIP': (object) => (object.kind === 'Service' ? (object.spec.clusterIP ?? '') : ''),
};

function fieldRequirement(term: string): Matcher {
  const parts = /^([^=!]*)(==|=|!=)(.*)$/.exec(term);
  if (parts === null) throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`);
  const [, field = '', operator, value] = parts;
  const read = fieldReaders[field];
  if (read === undefined) throw badRequest(`field label not supported: ${field}`);
  return (object) => (read(object) === value) === (operator !== '!=');
}
