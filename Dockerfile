# docker build -t portolan:0.1.0 .
# docker run --read-only --cap-drop ALL --cap-add NET_BIND_SERVICE -v "$PWD/Corefile:/Corefile:ro" portolan:0.1.0 -conf /Corefile

# The Node.js that the project is tested with, see optionalDependencies in package.json.
ARG NODE_VERSION=26.10.0

FROM node:${NODE_VERSION}-slim AS base

# The bundle is the same for every platform: it is made once, on the builder's own.
FROM --platform=$BUILDPLATFORM node:${NODE_VERSION}-slim AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libcap2-bin \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json build.ts ./
COPY src ./src
# Part of what -version says.
ARG PORTOLAN_COMMIT=
RUN npm run build \
 && rm dist/*.map

# Port 53 without root. Kubernetes gives a container's added capabilities to the process that starts it, and the kernel takes
# them from any user but root when a file is run, unless the file carries them too. With the file's +ep and the manifest's
# `add: [NET_BIND_SERVICE]` the server has the capability, also under allowPrivilegeEscalation: false, since nothing is gained
# over what the container was given.
# The price, as for CoreDNS's own image: where the container may not have the capability at all (`drop: [ALL]` and nothing
# added) the kernel refuses to run the file. Such a pod, on a port above 1023, starts the image's other node by
# `command: [/usr/local/bin/node, --max-old-space-size-percentage=40, --max-semi-space-size=4, /portolan/portolan.js]`.
COPY --from=base /usr/local/bin/node /build/portolan-node
RUN setcap cap_net_bind_service=+ep /build/portolan-node

FROM base
COPY --from=build /build/portolan-node /usr/local/bin/portolan-node
COPY --from=build /build/dist /portolan
COPY LICENSE /portolan/
# Where CoreDNS's image starts as well: `./Corefile` and other relative paths mean the same.
WORKDIR /
# The same user as in CoreDNS's image; a number, so that runAsNonRoot can be checked.
USER 65532:65532
EXPOSE 53/udp 53/tcp
# No shell between: signals reach the server, arguments follow the script. Nothing is written but what the Corefile and the
# flags ask for. The two flags keep the heap within the container's memory, see bin/portolan.
ENTRYPOINT ["/usr/local/bin/portolan-node", "--max-old-space-size-percentage=40", "--max-semi-space-size=4", "/portolan/portolan.js"]
