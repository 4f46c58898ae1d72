"""Moves keys through their life; the rules themselves are in ``keys.lifecycle``.

What is due is in ``outlook``, who still has mail signed with a key in ``queues``, the writing down of what happened in
``moves``.
"""
