"""The service postal_bridge: visits, custody of papers, dossiers at the desk, money."""
