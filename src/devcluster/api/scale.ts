import type { Cluster } from '../cluster.ts';
import { isJsonObject, type JsonObject } from '../objects/json.ts';
import { resourceOf, type KubeObject } from '../objects/kinds.ts';
import { applyPatch } from '../objects/patch.ts';
import { badRequest, methodNotAllowed } from '../objects/status.ts';
import { readObject, readPatch, type ApiRequest } from './body.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { Target } from './target.ts';

type ScaleTarget = Extract<Target, { readonly type: 'scale' }>;

/** The subresource `scale`: the replicas of a workload, the same for a Deployment and a StatefulSet. Throws ApiError. */
export function answerScale(cluster: Cluster, { kind, namespace, name }: ScaleTarget, request: ApiRequest): Reply {
  const now = scaleOf(cluster.get(kind, namespace, name));
  if (request.method === 'GET') return jsonReply(200, now);
  const body = changed(request, now);
  const spec = isJsonObject(body) ? body['spec'] : undefined;
  const replicas = isJsonObject(spec) ? spec['replicas'] : undefined;
  if (typeof replicas !== 'number') throw badRequest('spec.replicas of a Scale must be a number');
  const patch = { type: 'merge', body: { spec: { replicas } } } as const;
  return jsonReply(200, scaleOf(cluster.patch(kind, namespace, name, patch)));

  function changed({ method }: ApiRequest, scale: JsonObject): unknown {
    const resource = resourceOf(kind);
    if (method === 'PUT') return readObject(request, resource);
    if (method === 'PATCH') return applyPatch(kind, scale, readPatch(request, resource));
    throw methodNotAllowed();
  }
}

function scaleOf(object: KubeObject): JsonObject {
  if (object.kind !== 'Deployment' && object.kind !== 'StatefulSet') throw methodNotAllowed();
  const { name, namespace = '', uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = Object.entries(object.spec.selector.matchLabels).map(([key, value]) => `${key}=${value}`);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: object.spec.replicas },
    status: { replicas: object.status.replicas ?? 0, selector: selector.join(',') },
  };
}
