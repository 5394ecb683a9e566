"""Code by content: where it and its compiled kernels lie."""

from pathlib import Path

from local_mode.aws.bundles import Bundles


def test_kernels_lie_in_the_cache_unless_the_environment_says_where(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    assert Bundles(None, tmp_path).kernel_cache == tmp_path / "kernels"
    monkeypatch.setenv("NUMBA_CACHE_DIR", "kernels/of/all")
    assert Bundles(None, tmp_path).kernel_cache == Path.cwd() / "kernels/of/all"
