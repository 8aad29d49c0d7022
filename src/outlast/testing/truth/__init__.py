"""Whether what-if and the report tell the truth: real stores over directories, and what happens to them.

    make truth STORES=300 SEED=7

Each seed describes a store: its providers, operators, roles, tolerance, quotas, objects, and past. Providers
are directories. What the question names is then really taken away: the directory is moved or emptied, or its
quota used up. Every object is read, and a small and a large one are written, through a store that is opened
for it.

- `blueprint`: a store as a seed describes it.  `shop`: that store, and a person who does things to it. It
  uses the settings file, the verbs of the store, and the file system, and nothing that it judges.
- `claims`: what what-if and the report say, and where that is not what was seen.
- `trial`: the story of one store.
"""
