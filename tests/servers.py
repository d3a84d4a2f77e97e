"""Throwaway servers that tests start themselves."""
