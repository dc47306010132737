# One image for every service; docker-compose.yml says which one a container runs. TypeScript runs as it stands, so
# there is nothing to compile: the image is the workspace's sources, their production packages and Prisma's client.

FROM node:24-slim AS base
ENV NODE_ENV=production CI=true
# Left alone, V8 sizes its young generation by the memory of the machine, and a burst makes it 128 MB larger for good. And it
# collects garbage on four threads: replicas share few cores, and theirs would wait for each other.
ENV NODE_OPTIONS="--max-semi-space-size=16 --v8-pool-size=1"
WORKDIR /app
# The spool is made here so that a volume mounted on it belongs to the user.
RUN mkdir -p /var/lib/sluice/spool && chown node:node /var/lib/sluice/spool
USER node

# Manifests first: packages are installed again only when one of these files changes.
FROM base AS manifests
USER root
RUN chown node:node /app
USER node
COPY --chown=node:node package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY --chown=node:node shared/package.json shared/
COPY --chown=node:node prisma/package.json prisma/
COPY --chown=node:node gateway/package.json gateway/
COPY --chown=node:node scheduler/package.json scheduler/
COPY --chown=node:node worker/package.json worker/
COPY --chown=node:node cli/package.json cli/

FROM manifests AS client
RUN npx --yes pnpm@12.21.0 install --frozen-lockfile --ignore-scripts --filter @sluice/prisma
COPY --chown=node:node scripts/generate.ts scripts/
COPY --chown=node:node prisma/schema.prisma prisma/
RUN node scripts/generate.ts

# What the services need at run time, without source maps (45 MB) and Prisma's compilers for other databases (65 MB).
FROM manifests AS packages
RUN npx --yes pnpm@12.21.0 install --frozen-lockfile --ignore-scripts --prod \
      --filter "@sluice/gateway..." --filter "@sluice/scheduler..." --filter "@sluice/worker..." --filter "@sluice/cli..." \
 && find node_modules -name "*.map" -type f -delete \
 && find node_modules/.pnpm/@prisma+client@* -name "query_compiler_*" ! -name "query_compiler_small_*.postgresql.*" -type f -delete

# Nothing here can be written by the user it runs as.
FROM base
COPY --from=packages /app ./
COPY shared/src shared/src
COPY prisma/migrations prisma/migrations
COPY prisma/schema.prisma prisma/
COPY prisma/src prisma/src
COPY --from=client /app/prisma/src/generated prisma/src/generated
COPY gateway/src gateway/src
COPY scheduler/src scheduler/src
COPY worker/src worker/src
COPY cli/src cli/src
EXPOSE 8080
CMD ["node", "--import", "./shared/src/instrument.ts", "gateway/src/main.ts"]
