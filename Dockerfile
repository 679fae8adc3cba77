# Cotisa in a container: what base.txt locks, the program and nothing else; runs as an ordinary user on a read-only root.
# Any Debian of 12 or later will do as BASE.
#   docker build --tag cotisa .
ARG BASE=docker.io/library/debian:trixie-slim

# --- what both stages stand on
FROM ${BASE} AS python
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/*

# --- builder: the locked packages and Cotisa in a venv
FROM python AS builder
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv
RUN python3 -m venv /opt/cotisa
WORKDIR /build
# The packages first: while base.txt stays, this layer does too. The secrets are optional: a pip.conf for a package
# index of one's own, and the certificates that it may name as /run/secrets/certificates.
COPY requirements/base.txt requirements/base.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=certificates \
    /opt/cotisa/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/base.txt
COPY . .
RUN /opt/cotisa/bin/pip install --no-cache-dir --no-deps --no-index --no-build-isolation . \
 && /opt/cotisa/bin/pip uninstall --yes pip

# --- runtime
FROM python
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin cotisa
COPY --from=builder /opt/cotisa /opt/cotisa
ENV PATH=/opt/cotisa/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BIND=0.0.0.0 \
    PORT=8000
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/health/live', timeout=4)"]
ENTRYPOINT ["gateway"]
CMD ["run"]
