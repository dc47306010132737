/** Real towns of the Spanish coasts and islands with where they are and what a square metre costs there. */
export interface Town {
  town: string
  province: string
  latitude: number
  longitude: number
  /** Usual price of a built square metre, in euros. */
  euroPerSquareMetre: number
  districts: readonly string[]
}

export const TOWNS: readonly Town[] = [
  {
    town: 'Torrevieja',
    province: 'Alicante',
    latitude: 37.9787,
    longitude: -0.6822,
    euroPerSquareMetre: 1900,
    districts: ['Playa del Cura', 'La Mata', 'Los Balcones', 'El Acequión']
  },
  {
    town: 'Jávea',
    province: 'Alicante',
    latitude: 38.7895,
    longitude: 0.163,
    euroPerSquareMetre: 2900,
    districts: ['El Arenal', 'Tosalet', 'La Granadella', 'Puerto']
  },
  {
    town: 'Dénia',
    province: 'Alicante',
    latitude: 38.8408,
    longitude: 0.1057,
    euroPerSquareMetre: 2500,
    districts: ['Las Marinas', 'Les Rotes', 'Montgó']
  },
  {
    town: 'Benidorm',
    province: 'Alicante',
    latitude: 38.5411,
    longitude: -0.1225,
    euroPerSquareMetre: 2600,
    districts: ['Playa de Levante', 'Playa de Poniente', 'La Cala']
  },
  {
    town: 'Orihuela Costa',
    province: 'Alicante',
    latitude: 37.93,
    longitude: -0.75,
    euroPerSquareMetre: 2200,
    districts: ['La Zenia', 'Cabo Roig', 'Villamartín', 'Campoamor']
  },
  {
    town: 'Calpe',
    province: 'Alicante',
    latitude: 38.6447,
    longitude: 0.0445,
    euroPerSquareMetre: 2400,
    districts: ['La Fossa', 'Ortembach', 'Casco antiguo']
  },
  {
    town: 'Marbella',
    province: 'Málaga',
    latitude: 36.5101,
    longitude: -4.8825,
    euroPerSquareMetre: 4900,
    districts: ['Nueva Andalucía', 'Puerto Banús', 'Las Chapas', 'Casco Antiguo']
  },
  {
    town: 'Estepona',
    province: 'Málaga',
    latitude: 36.4276,
    longitude: -5.1459,
    euroPerSquareMetre: 3300,
    districts: ['Cancelada', 'Seghers', 'El Paraíso']
  },
  {
    town: 'Fuengirola',
    province: 'Málaga',
    latitude: 36.5396,
    longitude: -4.6249,
    euroPerSquareMetre: 3400,
    districts: ['Los Boliches', 'Torreblanca', 'Carvajal']
  },
  {
    town: 'Nerja',
    province: 'Málaga',
    latitude: 36.7457,
    longitude: -3.8764,
    euroPerSquareMetre: 2800,
    districts: ['Burriana', 'Capistrano', 'Maro']
  },
  {
    town: 'Mijas',
    province: 'Málaga',
    latitude: 36.5957,
    longitude: -4.6373,
    euroPerSquareMetre: 2900,
    districts: ['La Cala de Mijas', 'Calahonda', 'Mijas Pueblo']
  },
  {
    town: 'Almuñécar',
    province: 'Granada',
    latitude: 36.7339,
    longitude: -3.6907,
    euroPerSquareMetre: 1900,
    districts: ['La Herradura', 'Velilla', 'San Cristóbal']
  },
  {
    town: 'Mojácar',
    province: 'Almería',
    latitude: 37.1402,
    longitude: -1.8512,
    euroPerSquareMetre: 1700,
    districts: ['Mojácar Playa', 'Mojácar Pueblo', 'Macenas']
  },
  {
    town: 'Roquetas de Mar',
    province: 'Almería',
    latitude: 36.7642,
    longitude: -2.6148,
    euroPerSquareMetre: 1300,
    districts: ['Aguadulce', 'Playa Serena', 'El Puerto']
  },
  {
    town: 'Los Alcázares',
    province: 'Murcia',
    latitude: 37.7443,
    longitude: -0.8504,
    euroPerSquareMetre: 1500,
    districts: ['Los Narejos', 'La Serena Golf', 'Punta Calera']
  },
  {
    town: 'Mazarrón',
    province: 'Murcia',
    latitude: 37.5992,
    longitude: -1.3149,
    euroPerSquareMetre: 1200,
    districts: ['Puerto de Mazarrón', 'Camposol', 'Bolnuevo']
  },
  {
    town: 'Sitges',
    province: 'Barcelona',
    latitude: 41.2372,
    longitude: 1.8059,
    euroPerSquareMetre: 4300,
    districts: ['Vinyet', 'Aiguadolç', 'Can Pei']
  },
  {
    town: "Platja d'Aro",
    province: 'Girona',
    latitude: 41.8178,
    longitude: 3.0675,
    euroPerSquareMetre: 3200,
    districts: ["S'Agaró", 'Mas Nou', 'Treumal']
  },
  {
    town: 'Cambrils',
    province: 'Tarragona',
    latitude: 41.0668,
    longitude: 1.0567,
    euroPerSquareMetre: 2100,
    districts: ['Vilafortuny', 'Horta de Santa Maria', 'El Port']
  },
  {
    town: 'Peñíscola',
    province: 'Castellón',
    latitude: 40.3575,
    longitude: 0.4069,
    euroPerSquareMetre: 1600,
    districts: ['Playa Norte', 'Las Atalayas', 'Font Nova']
  },
  {
    town: 'Gandía',
    province: 'Valencia',
    latitude: 38.968,
    longitude: -0.1845,
    euroPerSquareMetre: 1500,
    districts: ['Playa de Gandía', 'Marxuquera', 'Beniopa']
  },
  {
    town: 'Sóller',
    province: 'Islas Baleares',
    latitude: 39.7667,
    longitude: 2.715,
    euroPerSquareMetre: 4600,
    districts: ['Port de Sóller', 'Biniaraix', "L'Horta"]
  },
  {
    town: 'Adeje',
    province: 'Santa Cruz de Tenerife',
    latitude: 28.1227,
    longitude: -16.726,
    euroPerSquareMetre: 3700,
    districts: ['Costa Adeje', 'Callao Salvaje', 'La Caleta']
  },
  {
    town: 'Corralejo',
    province: 'Las Palmas',
    latitude: 28.7306,
    longitude: -13.867,
    euroPerSquareMetre: 2500,
    districts: ['Casco', 'Tamaragua', 'Geafond']
  }
]
