# The dashboard in a container: browser libraries from npm, wheels checked by hash, no compiler, no
# root. It serves recordings that were imported or shipped; collecting needs the host itself.

FROM node:22-bookworm-slim AS assets
WORKDIR /srv/gmemscope
COPY package.json package-lock.json ./
COPY scripts/assets scripts/assets
RUN scripts/assets


FROM python:3.11-slim-bookworm AS wheels
RUN python -m venv /opt/gmemscope
COPY requirements/run.txt /tmp/run.txt
RUN /opt/gmemscope/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/run.txt


FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="gmemscope" \
      org.opencontainers.image.licenses="Apache-2.0"

RUN useradd --system --create-home --home-dir /var/lib/gmemscope --uid 10001 gmemscope
WORKDIR /srv/gmemscope
COPY --from=wheels /opt/gmemscope /opt/gmemscope
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY collector collector
COPY templates templates
COPY static static
COPY docs/examples docs/examples
COPY --from=assets /srv/gmemscope/static/vendor static/vendor
# Editable, as `make run` installs it: templates and static files are found beside the packages. git,
# which names the version, stays outside: docker build --build-arg VERSION="$(git describe --tags)" .
ARG VERSION=
RUN env ${VERSION:+SETUPTOOLS_SCM_PRETEND_VERSION_FOR_GMEMSCOPE="$VERSION"} \
    /opt/gmemscope/bin/pip install --no-cache-dir --no-deps --no-build-isolation --editable .

# The compiled hot loops live on the volume, so that a read-only container can renew them when it
# runs on another CPU than the one that built the image.
ENV PATH=/opt/gmemscope/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/lib/gmemscope/compiled \
    GMEMSCOPE_DATABASE_URL=sqlite:////var/lib/gmemscope/gmemscope.db
USER gmemscope
RUN gmemscope warm
VOLUME /var/lib/gmemscope
EXPOSE 8000

HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]

# Every address of the container; without GMEMSCOPE_TOKEN the command refuses to listen there.
CMD ["gmemscope", "serve", "--host", "0.0.0.0", "--port", "8000"]
