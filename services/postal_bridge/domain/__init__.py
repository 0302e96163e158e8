"""The rules: what a visit needs, who holds a parcel, what a desk may do, where money is. Pure Python."""
