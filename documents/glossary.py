"""Everyday words of work in French and English: who asks in one language finds the words of the other."""

from collections.abc import Iterator, Sequence

# One meaning between semicolons: the French words, a stroke, the English ones. Only general words, the names of trades
# excepted that any office deals with; nothing is added for a question that was missed, or the evaluation says nothing.
_WORDS = """
an année annuel/year annual yearly; mois mensuel/month monthly; semaine hebdomadaire/week weekly; jour journée
quotidien/day daily; heure/hour; minute/minute; seconde/second; trimestre trimestriel/quarter quarterly; lundi/monday;
mardi/tuesday; mercredi/wednesday; jeudi/thursday; vendredi/friday; samedi/saturday; dimanche/sunday; janvier/january;
février/february; mars/march; avril/april; mai/may; juin/june; juillet/july; août/august; septembre/september;
octobre/october; novembre/november; décembre/december; matin/morning; midi/noon; soir soirée/evening; nuit/night;
hiver/winter; été/summer; printemps/spring; automne/autumn; hier/yesterday; demain lendemain/tomorrow;
aujourd'hui/today; début commencer débuter/start begin beginning began; fin finir terminer/end finish ended; durée
durer/duration last; délai/delay deadline period; date/date; échéance/deadline due expiry; retard tard tardif/late
delay delayed; avance/advance ahead; calendrier/calendar schedule; deux/two; trois/three; quatre/four; cinq/five;
six/six; sept/seven; huit/eight; neuf/nine; dix/ten; onze/eleven; douze/twelve; treize/thirteen; quatorze/fourteen;
quinze/fifteen; seize/sixteen; vingt/twenty; trente/thirty; quarante/forty; cinquante/fifty; soixante/sixty;
cent/hundred; mille millier/thousand; million/million; moitié demi/half; tiers/third; quart/quarter; double deux/twice
double; premier/first; dernier/last; prochain suivant/next; argent fonds/money funds; prix tarif/price rate; coût
coûter/cost; payer paiement payable/pay payment paid; facture facturer facturation/invoice bill billing;
budget/budget; dépense dépenser/expense spending spend spent; recette revenu/income revenue; bénéfice/profit; perte
perdre perdu/loss lose lost; dette/debt; emprunt emprunter/loan borrow; prêt prêter/loan lend; taux/rate;
intérêt/interest; impôt taxe fiscal/tax; subvention/grant subsidy; don/donation gift; épargne réserve/savings reserve;
remise réduction/discount reduction; remboursement rembourser/refund reimbursement reimburse repay; amende
pénalité/fine penalty; indemnité/allowance compensation; salaire paie/salary wage pay; prime/bonus; banque
bancaire/bank; compte/account; virement/transfer; carte/card; devise monnaie/currency; vente vendre/sale sell sold
sales; achat acheter/purchase buy bought; marché/market; offre/offer bid tender; commande/order; devis/quote quotation
estimate; gratuit gratuitement/free; cher/expensive; montant somme/amount sum; frais/fees costs expenses; abonnement
abonné/subscription subscriber; montée hausse augmenter augmentation/rise increase raise; baisse baisser diminuer/fall
decrease drop; moyenne moyen/average mean; total/total; part/share; seuil/threshold; plafond limite limiter/limit
ceiling cap; comptable comptabilité/accountant accounting; trésorier/treasurer; contrat accord/contract agreement;
signer signature/sign signature; clause article/clause article; avenant/amendment; résilier résiliation annuler
annulation/cancel cancellation terminate termination; renouveler renouvellement/renew renewal; préavis/notice;
droit/law right; loi juridique/law legal; tribunal/court; litige différend/dispute; responsabilité
responsable/liability responsible responsibility; assurance assurer assureur assuré/insurance insure insurer insured;
garantie garantir/guarantee warranty; obligation obligatoire/duty mandatory compulsory obligation; interdire interdit
interdiction/forbid forbidden prohibited ban; autoriser autorisation permis/allow allowed permission permit authorise;
accès accéder/access; licence/licence license; propriété propriétaire/property owner ownership; règle règlement/rule
regulation; politique/policy; décision décider/decision decide; vote voter/vote; approuver approbation valider/approve
approval; refuser refus rejeter/refuse refusal reject; demande demander/request ask application; réponse
répondre/answer reply response; plainte réclamation/complaint complain; avis/opinion notice; client clientèle/customer
client; fournisseur prestataire/supplier provider vendor; partenaire/partner; entreprise société/company firm
business; association/charity association; commune ville municipal/town city municipal; mairie/hall council;
état/state; habitant/inhabitant resident; voisin/neighbour neighbor; membre/member; équipe/team; chef directeur/head
manager chief director; président/chair president chairman; collègue/colleague coworker; employé salarié
personnel/employee staff; employeur/employer; stagiaire/trainee intern; apprenti/apprentice; bénévole/volunteer;
ingénieur/engineer; technicien/technician; développeur/developer; médecin docteur/doctor physician; infirmier/nurse;
patient/patient; avocat/lawyer; conducteur chauffeur/driver; élève écolier/pupil student; professeur
enseignant/teacher; enfant/child children; bébé/baby; parent/parent; femme/woman women; homme/man men; famille/family;
conjoint époux/spouse partner; visiteur/visitor; utilisateur/user; gens personne/people person; public/public;
candidat candidature/candidate applicant application; travail travailler/work job working; emploi/job employment;
bureau/office desk; télétravail/telework remote teleworking; réunion/meeting; comité/committee board; verbal/minutes;
rapport/report; projet/project; plan planifier/plan planning schedule; tâche/task; objectif but/goal target objective
aim; étape phase/step stage phase; avancement progrès/progress; priorité/priority; risque/risk; qualité/quality;
contrôle contrôler vérifier/check control inspection verify; mesure mesurer/measure measurement; essai test
tester/test trial; essai échouer échec/fail failure failed; résultat/result outcome; objet sujet/subject purpose;
congé vacances/leave holiday vacation; absence absent/absence absent; présence présent/presence present attendance;
horaire/hours timetable; pause/break; formation former/training course; embauche recruter/hire recruit; démission
départ quitter/leave resignation departure; retraite/retirement pension; chômage/unemployment; carrière/career;
entretien/interview maintenance upkeep; équipe poste/shift; remplacer remplacement/replace replacement; aide
aider/help aid support; conseil/advice council; maladie malade/illness ill sick sickness disease; santé/health; blessé
blessure/injury injured; accident/accident; urgence urgent/emergency urgent; secours/rescue aid; hôpital/hospital;
soin/care treatment; médicament/medicine drug; dent dentaire/tooth teeth dental; œil yeux/eye eyes; lunettes/glasses
spectacles; enceinte grossesse/pregnant pregnancy; décès mort/death dead; sécurité sûr/safety security safe secure;
danger dangereux/danger dangerous hazard; incendie feu/fire; alarme alerte/alarm alert; protection protéger/protection
protect; gant/glove; chaussure/shoe; vêtement/clothes clothing; casque/helmet headset; masque/mask; bruit/noise;
déchet/waste rubbish garbage; poubelle/bin; toxique/toxic; gaz/gas; fumée/smoke; ordinateur/computer;
logiciel/software; application/application app; écran/screen; clavier/keyboard; imprimante/printer; téléphone
téléphoner appel appeler/phone telephone call; courriel mail messagerie/email mail; courrier lettre poste/letter post
mail; message/message; passe/password; identifiant connexion connecter/login sign-in connection; réseau/network;
serveur/server; site/website site; page/page; lien/link; fichier/file; dossier/folder file record; donnée/data;
base/base database; sauvegarde sauvegarder/backup; copie copier/copy; effacer supprimer/delete erase remove;
récupérer/recover retrieve; chiffrer chiffrement/encrypt encryption; clé/key; virus/virus; pirate piratage/hacker
hacking; fuite/leak breach; faille/flaw vulnerability hole; panne/breakdown outage failure fault; erreur/error
mistake; réparer réparation dépannage/repair fix; version/version; installer installation/install installation;
télécharger/download upload; environnement/environment; migration/migration; utiliser utilisation usage/use usage;
stocker stockage/store storage; envoyer envoi/send sent; recevoir réception/receive reception receipt; livrer
livraison livré/deliver delivery; transport transporter/transport carry; camion/truck lorry; voiture véhicule/car
vehicle; camionnette/van; train/train; avion/plane; bateau navire/boat ship vessel; vélo/bike bicycle cycle;
route/road; rue/street; gare/station; voyage/trip travel; trajet/journey trip; carburant essence/fuel petrol gas;
batterie pile/battery; électricité électrique/electricity electric power; énergie/energy; chauffage chauffer/heating
heat; chaleur chaud/heat hot warm; froid/cold; eau/water; huile/oil; air/air; pluie/rain; neige/snow; vent/wind;
tempête/storm; température/temperature; lumière éclairage/light lighting; câble/cable; moteur/motor engine;
pompe/pump; machine appareil/machine device; ascenseur/lift elevator; outil/tool; matériel équipement/equipment gear;
pièce/part room; bâtiment immeuble/building; maison domicile/house home; logement/housing accommodation dwelling;
loyer location louer/rent; école scolaire/school; classe/class; salle/room hall; porte/door; fenêtre/window;
étage/floor; escalier/stairs staircase; entrée/entrance; sortie sortir/exit leave; toit/roof; mur/wall; sol/floor
ground soil; travaux chantier/works construction; fondation/foundation; béton/concrete; bois/wood; acier/steel;
papier/paper; plastique/plastic; verre/glass; carton boîte/box; entrepôt dépôt/warehouse depot; magasin/shop store;
usine/factory plant; laboratoire/laboratory lab; ferme/farm; parc/park; quai/dock quay; colis paquet/parcel package;
marchandise/goods; produit/product; stock/stock inventory; repas/meal; cantine/canteen; nourriture alimentaire
aliment/food; viande/meat; légume/vegetable; boisson boire/drink; pain/bread; cuisine cuisinier/kitchen cook; bio
biologique/organic; régime/diet; allergie allergique/allergy allergic; grand/large big; petit/small; long
longueur/long length; court/short; haut hauteur/high height; large largeur/wide width; poids peser lourd/weight weigh
heavy; vitesse/speed; distance/distance; taille/size; nombre/number; numéro/number; quantité/quantity; niveau/level;
nouveau neuf/new; ancien vieux/old former; ouvrir ouvert ouverture/open opening; fermer fermeture fermé/close closed
closing; arrêt arrêter/stop shutdown; marche/walk; changer changement modifier/change modify; ajouter/add;
réduire/reduce; perdu égaré/lost; trouver/find found; chercher recherche/search look research; écrire écrit/write
written; lire lecture/read reading; parler/speak talk; dire/say tell; montrer/show; donner/give; prendre/take; garder
conserver/keep; jeter/throw discard; laver lavage/wash washing; nettoyer nettoyage propre/clean cleaning; mélanger
mélange/mix mixture; couper coupure/cut; casser cassé/break broken broke; manquer manque/miss missing lack; attendre
attente/wait waiting; choisir choix/choose choice chosen; essayer/try; éviter/avoid; prévenir informer/inform warn
notify; signaler/report; expliquer/explain; comparer/compare; prévoir prévision/forecast plan; empêcher/prevent;
permettre/allow; protéger/protect; surveiller surveillance/monitor monitoring; noter/note; cause raison/cause reason;
problème/problem issue; solution/solution; exemple/example; question/question; nom/name; adresse/address; code/code;
formulaire/form; document/document; étranger/abroad foreign; pays/country; langue/language; monde/world; mer/sea;
île/island; rivière fleuve/river; arbre/tree; oiseau/bird; animal/animal; terre/earth land soil
"""


def meanings() -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Yield the words of each meaning, French and English; a word may have several meanings."""
    for meaning in _WORDS.split(";"):
        french, _, english = meaning.partition("/")
        yield french.split(), english.split()
