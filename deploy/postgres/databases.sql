-- One database for each service; `intake` is made by the image.
CREATE DATABASE routing;
CREATE DATABASE postal_bridge;
