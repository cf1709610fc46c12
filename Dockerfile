# A trained model as a container: python -m build --wheel && docker build -t rnnexp .
# docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/runs/FOLDER:/model:ro" rnnexp
FROM python:3.12-slim
COPY dist/*.whl /tmp/
RUN pip install --no-cache-dir /tmp/*.whl && rm /tmp/*.whl && useradd --create-home --uid 10001 rnnexp
USER rnnexp
WORKDIR /home/rnnexp
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/ping', timeout=3)"]
ENTRYPOINT ["rnnexp", "serve", "/model", "--host", "0.0.0.0", "--port", "8000"]
